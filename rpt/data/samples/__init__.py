"""Sample data: seeded generators that write rows in the official schema of each task.

A task is added by one module and one line in `GENERATORS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rpt.data.samples import cb

__all__ = ["GENERATORS", "Sample"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The sample data of one task."""

    version: int
    """Part of a run's identity: bumped whenever any row of any seed can change."""

    rows: Callable[[int], dict[str, list[dict[str, object]]]]
    """Seed to rows, by split name: train, val and test."""


GENERATORS: dict[str, Sample] = {
    "cb": Sample(version=cb.VERSION, rows=cb.rows),
}
