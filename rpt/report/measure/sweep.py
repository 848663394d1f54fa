"""The points of a sweep that numbers over a whole sweep average over."""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study

NOT_AVERAGED = ("backbone", "backbone.prompt_at", "prompt.unit")
"""Keys of axes that no number over a sweep averages over. Two values of such an axis are two experiments: another
backbone, another place of the prompt, or another unit of all learning rates."""


def swept_curves(study: Study) -> list[StudyCurve]:
    """Return the curves along the first axis that may be averaged over, with at least one seed at every point.

    Where a study has no such axis, each point is a curve of its own.
    """
    axis = next((axis for axis in study.axes if axis.key not in NOT_AVERAGED), None)
    return [curve for curve in study.curves_along(axis) if curve.seeds]


def has_all_tasks(study: Study, tasks: Sequence[str]) -> bool:
    """Whether a list of task names has each task of a study of several tasks once."""
    return len(study.tasks) > 1 and sorted(tasks) == sorted(study.tasks)
