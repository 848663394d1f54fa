"""The numbers of a report: each point's score, how robust each encoder is, and which encoder is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rpt.report.along import compare_values
from rpt.report.comparisons import MAJORITY, Pair, compare_all
from rpt.report.diagnostics import Diagnosis
from rpt.report.families import adjust
from rpt.report.pace import Pace, paces
from rpt.report.series import Curve, Point, baselines_of, curves_of, num_units, points_of
from rpt.report.study import Study, Value
from rpt.stats import curves, spread
from rpt.stats.estimate import LEAST_SEEDS, Estimate
from rpt.stats.mean import mean


@dataclass(frozen=True)
class PointScore:
    """What a point scores.

    Attributes:
        point: Its runs.
        score: Mean over its seeds, for new seeds and new examples.
        spread: Standard deviation over its seeds.
        num_failed: Runs that diverged or score at or below the majority answer.
    """

    point: Point
    score: Estimate
    spread: Estimate
    num_failed: int


@dataclass(frozen=True)
class Robustness:
    """How an encoder takes it when an axis is set wrongly. Rests on the seeds that all of the curve's points have.

    Attributes:
        curve: Its points.
        best: Score of the best point.
        best_at: Which point that is.
        average: Score averaged over the points.
        worst: Score of the worst point.
        tuned: The score at the value that the held-out rows choose.
        tuned_at: That value.
        spread: Standard deviation over seeds there.
        apart: How far the best point is above the worst; None of one point.
        within: Standard deviation over seeds at one point, pooled over the options of an axis without order (`init`);
            None on other axes, where a wrong value may spread more, and with one seed.
        failed: Share of runs that diverged or score at or below the majority answer.
        num_failed: How many those are.
    """

    curve: Curve
    best: Estimate
    best_at: Value
    average: Estimate
    worst: Estimate
    tuned: Estimate
    tuned_at: Value
    spread: Estimate
    apart: Estimate | None
    within: Estimate | None
    failed: Estimate
    num_failed: int

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.curve.task

    @property
    def method(self) -> str:
        """The encoder's option."""
        return self.curve.method


@dataclass(frozen=True)
class Numbers:
    """All numbers of a report.

    Attributes:
        points: Of runs that train a prompt.
        baselines: Points of no prompt.
        robustness: One for each curve along the main axis, in the study's order.
        sweep: Pairs of encoders, averaged over the main axis' points that both have.
        tuned: Pairs of encoders, and of encoder and baseline, each at the point that the held-out rows choose.
        by_point: Pairs of encoders at every point that both have.
        by_value: Pairs of values of every axis, of the same encoder.
        majority: Each encoder, at the point that the held-out rows choose, against the majority answer.
        paces: Pairs of encoders by how soon they train.
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


def measure(study: Study, diagnoses: Sequence[Diagnosis] = ()) -> Numbers:
    """Compute all numbers of a report.

    Args:
        study: The study.
        diagnoses: Of `rpt.report.diagnostics.diagnose`, for how soon encoders train; without any, `paces` is empty.
    """
    found = [one for one in curves_of(study) if one.seeds]
    baselines = {one.task: list(baselines_of(study, one.task, {})) for one in found}
    compared = [*compare_all(study, found, baselines), *compare_values(study)]
    every, soon = adjust(study, compared, paces(study, diagnoses))
    pairs = [pair for pair in every if pair.theirs != MAJORITY]
    return Numbers(
        points=[_score(point, num_units(study, point.task)) for point in points_of(study.runs)],
        baselines=[_score(point, num_units(study, point.task)) for point in points_of(study.baselines)],
        robustness=[robustness(one) for one in found],
        sweep=[pair for pair in pairs if pair.where == "sweep"],
        tuned=[pair for pair in pairs if pair.where == "tuned"],
        by_point=[pair for pair in pairs if pair.where == "point"],
        by_value=[pair for pair in pairs if pair.where == "value"],
        majority=[pair for pair in every if pair.theirs == MAJORITY],
        paces=soon,
    )


def robustness(curve: Curve) -> Robustness:
    """The numbers of one curve; its points must have a seed in common."""
    units, scores, values = curve.units, curve.scores, curve.values
    axis, tuned = curve.axis, curve.tuned
    num_failed = sum(run.is_failed for run in curve.runs)
    has_options = axis is not None and not axis.is_numeric and len(values) > 1
    return Robustness(
        curve=curve,
        best=curves.best(units),
        best_at=values[int(scores.mean(axis=1).argmax())],
        average=curves.average(units),
        worst=curves.worst(units),
        tuned=mean(tuned.units(curve.count)),
        tuned_at=None if axis is None else tuned.values.get(axis.key),
        spread=spread.spread(tuned.scores),
        apart=curves.apart(units) if len(values) > 1 else None,
        within=spread.spread_within(scores) if has_options and len(curve.seeds) > 1 else None,
        failed=_share(num_failed, curve),
        num_failed=num_failed,
    )


def _share(num_failed: int, curve: Curve) -> Estimate:
    """The share of runs that failed, without an interval below three seeds."""
    found = spread.share(num_failed, len(curve.runs))
    return found if len(curve.seeds) >= LEAST_SEEDS else replace(found, low=float("nan"), high=float("nan"))


def _score(point: Point, count: int) -> PointScore:
    return PointScore(point, mean(point.units(count)), spread.spread(point.scores), int(point.failed.sum()))
