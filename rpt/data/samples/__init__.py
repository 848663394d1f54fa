"""Sample data: seeded generators that write rows in the official schema of each task.

A task is added by one module and one line in `GENERATORS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rpt.data.samples import boolq, cb, copa, multirc, record, rte, wic, wsc

__all__ = ["GENERATORS", "Sample"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The sample data of one task."""

    version: int
    """Bumped whenever any row of any seed can change; records carry it."""

    rows: Callable[[int], dict[str, list[dict[str, object]]]]
    """Seed to rows, by split name: train, val and test."""


GENERATORS: dict[str, Sample] = {
    "boolq": Sample(version=boolq.VERSION, rows=boolq.rows),
    "cb": Sample(version=cb.VERSION, rows=cb.rows),
    "copa": Sample(version=copa.VERSION, rows=copa.rows),
    "multirc": Sample(version=multirc.VERSION, rows=multirc.rows),
    "record": Sample(version=record.VERSION, rows=record.rows),
    "rte": Sample(version=rte.VERSION, rows=rte.rows),
    "wic": Sample(version=wic.VERSION, rows=wic.rows),
    "wsc": Sample(version=wsc.VERSION, rows=wsc.rows),
}
