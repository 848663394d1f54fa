"""Compute the numbers of a report: scores of points, robustness of encoders, and comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rpt.report.measure.along import compare_values
from rpt.report.measure.comparisons import MAJORITY, Pair, compare_all
from rpt.report.measure.families import adjust
from rpt.report.measure.improvement import Improvement, improvements
from rpt.report.measure.pace import Pace, paces
from rpt.report.measure.robustness import Robustness, robustness
from rpt.report.measure.summaries import Summary, summaries
from rpt.report.measure.sweep import swept_curves
from rpt.report.read.diagnostics import Diagnosis
from rpt.report.read.series import StudyPoint
from rpt.report.read.study import Study
from rpt.stats import spread
from rpt.stats.estimate import Estimate
from rpt.stats.mean import mean


@dataclass(frozen=True)
class PointScore:
    """Score of a point, which is a set of runs that differ in the seed alone.

    Attributes:
        point: Runs of the point.
        score: Mean task score over the seeds, 0 to 1, with an interval for new seeds and new examples.
        spread: Standard deviation of the task score over the seeds.
        num_failed: Number of runs that diverged or score at or below the majority answer.
    """

    point: StudyPoint
    score: Estimate
    spread: Estimate
    num_failed: int


@dataclass(frozen=True)
class Numbers:
    """All numbers of a report.

    Attributes:
        points: Scores of the points whose runs train a prompt.
        baselines: Scores of the points without a prompt: head alone, zero-shot, fine-tuning.
        robustness: Scores along the main axis, one entry for each curve, in the study's order.
        sweep: Comparisons of two encoders, averaged over their common points on the main axis.
        tuned: Comparisons of two encoders, or of an encoder and a baseline. Each encoder is taken at the point that
            the held-out rows choose for it.
        by_point: Comparisons of two encoders, or of an encoder and a baseline, at each of their common points.
        by_value: Comparisons of two values of an axis for one encoder, for every axis.
        majority: Comparisons of each encoder, at the point that the held-out rows choose, with the majority answer.
        paces: Comparisons of the epochs until two encoders have the same held-out score; empty without diagnoses.
        summaries: Scores of each encoder over its sweep, on each task and over all tasks.
        improvements: Probabilities that a run of the leading encoder scores higher, on each task and over all tasks.
    """

    points: Sequence[PointScore]
    baselines: Sequence[PointScore]
    robustness: Sequence[Robustness]
    sweep: Sequence[Pair]
    tuned: Sequence[Pair]
    by_point: Sequence[Pair]
    by_value: Sequence[Pair]
    majority: Sequence[Pair]
    paces: Sequence[Pace]
    summaries: Sequence[Summary]
    improvements: Sequence[Improvement]


def measure(study: Study, diagnoses: Sequence[Diagnosis] = ()) -> Numbers:
    """Compute all numbers of a report.

    Args:
        study: Study to measure.
        diagnoses: Training curves of the study, from `rpt.report.read.diagnostics.diagnose`. Without them, `paces` of
            the result is empty.
    """
    curves = swept_curves(study)
    compared = [*compare_all(study, curves), *compare_values(study)]
    every, soon = adjust(study, compared, paces(study, diagnoses))
    pairs = [pair for pair in every if pair.second != MAJORITY]
    return Numbers(
        points=[_score(point, study.num_units[point.task]) for point in study.points],
        baselines=[_score(point, study.num_units[point.task]) for point in study.baseline_points],
        robustness=[robustness(curve) for curve in curves],
        sweep=[pair for pair in pairs if pair.where == "sweep"],
        tuned=[pair for pair in pairs if pair.where == "tuned"],
        by_point=[pair for pair in pairs if pair.where == "point"],
        by_value=[pair for pair in pairs if pair.where == "value"],
        majority=[pair for pair in every if pair.second == MAJORITY],
        paces=soon,
        summaries=summaries(study),
        improvements=improvements(study),
    )


def _score(point: StudyPoint, count: int) -> PointScore:
    return PointScore(point, mean(point.units(count)), spread.spread(point.scores), int(point.failed.sum()))
