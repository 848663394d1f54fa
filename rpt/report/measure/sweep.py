"""Select the points over which a score of a whole sweep is averaged."""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study


def swept_curves(study: Study) -> list[StudyCurve]:
    """Return the curves along the main axis that have at least one seed in common at all points."""
    return [curve for curve in study.curves if curve.seeds]


def has_all_tasks(study: Study, tasks: Sequence[str]) -> bool:
    """Whether the study has several tasks, and the list names each of them exactly once."""
    return len(study.tasks) > 1 and sorted(tasks) == sorted(study.tasks)
