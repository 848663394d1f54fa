"""Select the points over which a score of a whole sweep is averaged."""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study

NOT_AVERAGED = ("backbone", "backbone.prompt_at", "backbone.prompt_layer", "prompt.unit")
"""Keys of axes over which no score of a sweep is averaged: backbone, position, layer and unit of the prompt.

Two values of such an axis make two experiments, whose scores do not belong into one mean.
"""


def swept_curves(study: Study) -> list[StudyCurve]:
    """Return the curves along the first axis that may be averaged over, with at least one seed at every point.

    If a study has no such axis, each point is a curve of its own.
    """
    axis = next((axis for axis in study.axes if axis.key not in NOT_AVERAGED), None)
    return [curve for curve in study.curves_along(axis) if curve.seeds]


def has_all_tasks(study: Study, tasks: Sequence[str]) -> bool:
    """Whether the study has several tasks, and the list names each of them exactly once."""
    return len(study.tasks) > 1 and sorted(tasks) == sorted(study.tasks)
