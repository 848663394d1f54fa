"""Compute how often a run of the leading encoder scores higher than a run of another method at the same point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from rpt.report.measure.comparisons import agree, equal_points, matched_curves
from rpt.report.measure.sweep import has_all_tasks, swept_curves
from rpt.report.read.frame import ITEM, frame_of, groups
from rpt.report.read.run import Value
from rpt.report.read.series import StudyCurve, StudyPoint
from rpt.report.read.study import Study
from rpt.stats.estimate import Estimate
from rpt.stats.profile import Scores, probability_over_tasks

PointPair = tuple[StudyPoint, StudyPoint]


@dataclass(frozen=True)
class Improvement:
    """The probability that a run of the leading encoder scores higher than a run of another method.

    Attributes:
        tasks: Names of the tasks; several for the mean over all tasks of the study.
        setting: Value on each axis that is not averaged over, by dotted key.
        leader: Leading encoder of the study.
        other: Encoder or baseline that is compared with the leading encoder.
        probability: Mean probability over the points that both methods have, 0 to 1; equal scores count half.
        num_points: Number of points that both methods have, over all tasks.
    """

    tasks: Sequence[str]
    setting: Mapping[str, Value]
    leader: str
    other: str
    probability: Estimate
    num_points: int


@dataclass(frozen=True)
class _Match:
    """Scores of the leading encoder and another method on one task, at the same points and for the same seeds."""

    task: str
    setting: Mapping[str, Value]
    leader: str
    other: str
    scores: tuple[Scores, Scores]


def improvements(study: Study) -> list[Improvement]:
    """Compare the leading encoder with each other encoder and baseline: on each task, then over all tasks.

    At each point, every run of the leading encoder is compared with every run of the other method, for the seeds that
    all compared points have. A method that does not have the main axis, such as a baseline, has the same runs at every
    point of the leading encoder.
    """
    matches = [*_matches(study)]
    single = [_improvement([match]) for match in matches]
    frame = frame_of(matches, [{"other": match.other, **match.setting} for match in matches])
    together = [
        group
        for group in groups(frame, frame.columns.drop(ITEM))
        if has_all_tasks(study, [match.task for match in group])
    ]
    return [*single, *(_improvement(group) for group in together)]


def _matches(study: Study) -> Iterator[_Match]:
    curves = swept_curves(study)
    for first, second in matched_curves(study, curves):
        if first.method == study.leader:
            pairs = [(point, other) for _, point, other in equal_points(first, second)]
            yield from _match(first, {**first.setting, **second.setting}, pairs)
    for curve in (curve for curve in curves if curve.method == study.leader):
        for baselines in _baselines(study, curve.task):
            pairs = [
                (point, other) for other in baselines for point in curve.points if agree(point.values, other.values)
            ]
            yield from _match(curve, curve.setting, pairs)


def _baselines(study: Study, task: str) -> list[list[StudyPoint]]:
    """Return the points of each baseline on a task."""
    points = [point for point in study.baseline_points if point.task == task]
    return groups(frame_of(points, [{"method": point.method} for point in points]), ("method",))


def _match(curve: StudyCurve, setting: Mapping[str, Value], pairs: Sequence[PointPair]) -> Iterator[_Match]:
    """Yield the scores of both methods at pairs of points, for the seeds that all points have; nothing without any."""
    if not pairs:
        return
    other = pairs[0][1].method
    is_random = other != "zero-shot"  # zero-shot has no randomness: its only run is used for every seed
    every = [point for pair in pairs for point in (pair if is_random else pair[:1])]
    seeds = sorted(set.intersection(*(set(point.seeds) for point in every)))
    if seeds:
        first = np.stack([_scores(point, seeds) for point, _ in pairs])
        second = np.stack([_scores(point, seeds) if is_random else point.scores[:1] for _, point in pairs])
        yield _Match(curve.task, setting, curve.method, other, (first, second))


def _scores(point: StudyPoint, seeds: Sequence[int]) -> Float[np.ndarray, " seeds"]:
    score_of = {run.seed: run.score for run in point.runs}
    return np.array([score_of[seed] for seed in seeds])


def _improvement(matches: Sequence[_Match]) -> Improvement:
    first = matches[0]
    probability = probability_over_tasks([match.scores for match in matches])
    num_points = sum(len(match.scores[0]) for match in matches)
    tasks = tuple(match.task for match in matches)
    return Improvement(tasks, first.setting, first.leader, first.other, probability, num_points)
