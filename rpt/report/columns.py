"""Columns and cells that several tables have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rpt.report.study import Axis, Study, Value
from rpt.report.table import Cell, Column
from rpt.report.words import value_text

POINTS = 100.0
"""What a score is multiplied by for people."""

TASK = Column("task", "task")
ENCODER = Column("encoder", "encoder")
SEEDS = Column("seeds", "seeds")
FAILED = Column("failed", "failed", note="Runs that diverged or score at or below the majority answer.")
RUNS = Column("runs", "runs")


def axis_columns(study: Study) -> Iterator[Column]:
    """A column for each axis."""
    return (Column(axis.key, axis.label) for axis in study.axes)


def cells_on(axes: Sequence[Axis], values: Mapping[str, Value]) -> list[Cell]:
    """A value for each axis, as on the command line; empty where it has none."""
    return [value_text(values[axis.key]) if axis.key in values else None for axis in axes]
