"""Columns and cells that several tables have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rpt.report.study import Axis, Study, Value
from rpt.report.table import Cell, Column
from rpt.report.words import value_text
from rpt.stats.estimate import LEAST_SEEDS

POINTS = 100.0
"""What a score is multiplied by for people."""

HOLM = (
    "p is adjusted by Holm within its family, over all tasks. The comparisons that the answer rests on are one family, "
    "all others are exploratory and form the second: a verdict there is a hint, to be shown by new runs."
)
"""Part of the caption of every table of comparisons."""

TASK = Column("task", "task")
ENCODER = Column("encoder", "encoder")
SEEDS = Column("seeds", "seeds")
FAILED = Column("failed", "failed", note="Runs that diverged or score at or below the majority answer.")
RUNS = Column("runs", "runs")


def has_intervals(study: Study) -> bool:
    """Whether a study has seeds enough for intervals."""
    return len(study.seeds) >= LEAST_SEEDS


def axis_columns(study: Study) -> Iterator[Column]:
    """A column for each axis."""
    return (Column(axis.key, axis.label) for axis in study.axes)


def cells_on(axes: Sequence[Axis], values: Mapping[str, Value]) -> list[Cell]:
    """A value for each axis, as on the command line; empty where it has none."""
    return [value_text(values[axis.key]) if axis.key in values else None for axis in axes]
