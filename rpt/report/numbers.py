"""The numbers of a report: each point's score, how robust each encoder is, and which encoder is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rpt.report.comparisons import Pair, compare_all
from rpt.report.series import Curve, Point, baselines_of, curves_of, num_units, points_of
from rpt.report.study import Study, Value
from rpt.stats import curves, spread
from rpt.stats.curves import Window
from rpt.stats.estimate import Estimate
from rpt.stats.mean import mean

WITHIN = 0.01
"""How far below its best an encoder may score inside its window: one point."""

REACHED = ("prompt.length", "data.k_per_class", "encoder.bottleneck_dim")
"""Axes that cost something, so that the smallest value that is good enough is of interest."""

SHARE = 0.99
"""Of its best score, which the smallest value must reach."""


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
        window: Decades around the best point that score within a point of it; None where the axis has no logarithm or
            one value.
        reach: The smallest value that reaches 99 % of the best; None on an axis where that is of no interest.
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
    window: Window | None
    reach: Estimate | None
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
        by_value: Pairs of options of a main axis without order (`init`), of the same encoder.
    """

    points: Sequence[PointScore]
    baselines: Sequence[PointScore]
    robustness: Sequence[Robustness]
    sweep: Sequence[Pair]
    tuned: Sequence[Pair]
    by_point: Sequence[Pair]
    by_value: Sequence[Pair]


def measure(study: Study) -> Numbers:
    """Compute all numbers of a report."""
    found = [one for one in curves_of(study) if one.seeds]
    baselines = {one.task: list(baselines_of(study, one.task, {})) for one in found}
    pairs = compare_all(study, found, baselines)
    return Numbers(
        points=[_score(point, num_units(study, point.task)) for point in points_of(study.runs)],
        baselines=[_score(point, num_units(study, point.task)) for point in points_of(study.baselines)],
        robustness=[robustness(one) for one in found],
        sweep=[pair for pair in pairs if pair.where == "sweep"],
        tuned=[pair for pair in pairs if pair.where == "tuned"],
        by_point=[pair for pair in pairs if pair.where == "point"],
        by_value=[pair for pair in pairs if pair.where == "value"],
    )


def robustness(curve: Curve) -> Robustness:
    """The numbers of one curve; its points must have a seed in common."""
    units, scores, values = curve.units, curve.scores, curve.values
    axis, tuned = curve.axis, curve.tuned
    is_spaced = axis is not None and axis.is_log and len(values) > 1 and None not in values
    num_failed = sum(run.is_failed for run in curve.runs)
    has_options = axis is not None and not axis.is_numeric and len(values) > 1
    has_reach = is_spaced and axis is not None and axis.key in REACHED
    return Robustness(
        curve=curve,
        best=curves.best(units),
        best_at=values[int(scores.mean(axis=1).argmax())],
        average=curves.average(units),
        worst=curves.worst(units),
        window=curves.window(curve.numbers, units, within=WITHIN) if is_spaced else None,
        reach=curves.reach(curve.numbers, units, share=SHARE) if has_reach else None,
        tuned=mean(tuned.units(curve.count)),
        tuned_at=None if axis is None else tuned.values.get(axis.key),
        spread=spread.spread(tuned.scores),
        apart=curves.apart(units) if len(values) > 1 else None,
        within=spread.spread_within(scores) if has_options and len(curve.seeds) > 1 else None,
        failed=spread.share(num_failed, len(curve.runs)),
        num_failed=num_failed,
    )


def _score(point: Point, count: int) -> PointScore:
    return PointScore(point, mean(point.units(count)), spread.spread(point.scores), int(point.failed.sum()))
