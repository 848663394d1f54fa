"""Scores of each encoder over its whole sweep, on each task and over all tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rpt.report.measure.sweep import has_all_tasks, swept_curves
from rpt.report.read.frame import ITEM, frame_of, groups
from rpt.report.read.run import Value
from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study
from rpt.stats import curves
from rpt.stats.estimate import Estimate
from rpt.stats.interquartile import interquartile_mean
from rpt.stats.mean import average_of, mean


@dataclass(frozen=True)
class Summary:
    """Scores of an encoder over its sweep, 0 to 1, with intervals for new seeds and new examples.

    Attributes:
        tasks: Names of the tasks; several for the scores over all tasks of the study.
        setting: Value on each axis that is not averaged over, by dotted key.
        method: Option of the config group `encoder`, such as `residual`.
        average: Score averaged over the points; over several tasks, the mean over tasks.
        middle: Interquartile mean: mean of the middle half of the runs of all points and tasks.
        worst: Score of the worst point; over several tasks, the mean of the tasks' worst scores.
        tuned: Score at the point that the held-out rows choose; over several tasks, the mean over tasks.
        num_points: Number of points, over all tasks.
        num_runs: Number of runs that `average` and `middle` use.
    """

    tasks: Sequence[str]
    setting: Mapping[str, Value]
    method: str
    average: Estimate
    middle: Estimate
    worst: Estimate
    tuned: Estimate
    num_points: int
    num_runs: int


def summaries(study: Study) -> list[Summary]:
    """Summarise each encoder on each task and, in a study of several tasks, over all tasks.

    There is a summary over all tasks for each setting of the other axes that the encoder has on every task.
    """
    swept = swept_curves(study)
    single = [_summary([curve]) for curve in swept]
    frame = frame_of(swept, [{"method": curve.method, **curve.setting} for curve in swept])
    together = [
        members
        for members in groups(frame, frame.columns.drop(ITEM))
        if has_all_tasks(study, [curve.task for curve in members])
    ]
    return [*single, *(_summary(members) for members in together)]


def _summary(members: Sequence[StudyCurve]) -> Summary:
    """Summarise the curves of an encoder, one for each task."""
    first, units = members[0], [curve.units for curve in members]
    return Summary(
        tasks=tuple(curve.task for curve in members),
        setting=first.setting,
        method=first.method,
        average=_over_tasks([curves.average(of_task) for of_task in units]),
        middle=interquartile_mean(units),
        worst=_over_tasks([curves.worst(of_task) for of_task in units]),
        tuned=_over_tasks([mean(curve.tuned.units(curve.count)) for curve in members]),
        num_points=sum(len(curve.points) for curve in members),
        num_runs=sum(curve.scores.size for curve in members),
    )


def _over_tasks(estimates: Sequence[Estimate]) -> Estimate:
    return estimates[0] if len(estimates) == 1 else average_of(estimates)
