"""Build columns, cells and captions that several tables share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rpt.report.read.run import Axis, Value
from rpt.report.read.study import Study
from rpt.report.say.words import value_text
from rpt.report.tables.table import Cell, Column
from rpt.stats.estimate import LEAST_SEEDS

HOLM = (
    "p (Holm): p after Holm's correction within its family, over all tasks. The comparisons on which the answer is "
    "based are one family. All others are exploratory and form the second family: new runs must confirm them."
)
"""Sentences in the caption of every table of comparisons."""

TASK = Column("task", "task")
ENCODER = Column("encoder", "encoder")
SEEDS = Column("seeds", "seeds")
FAILED = Column("failed", "failed", note="Runs that diverged or score at or below the majority answer.")
RUNS = Column("runs", "runs")


def has_intervals(study: Study) -> bool:
    """Whether a study has enough seeds for intervals."""
    return len(study.seeds) >= LEAST_SEEDS


def axis_columns(study: Study) -> Iterator[Column]:
    """Yield a column for each axis of a study."""
    return (Column(axis.key, axis.label) for axis in study.axes)


def cells_on(axes: Sequence[Axis], values: Mapping[str, Value]) -> list[Cell]:
    """Return a cell for each axis with its value as on the command line; the cell is empty without a value."""
    return [value_text(values[axis.key]) if axis.key in values else None for axis in axes]
