"""Scores of an encoder along an axis, which show how much a badly chosen value costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rpt.report.read.run import Value
from rpt.report.read.series import StudyCurve
from rpt.stats import curves, spread
from rpt.stats.estimate import LEAST_SEEDS, Estimate
from rpt.stats.mean import mean


@dataclass(frozen=True)
class Robustness:
    """The scores of an encoder along an axis, which show how much a badly chosen value costs.

    All scores are 0 to 1. `best`, `average`, `worst`, `apart` and `within` use only the seeds that every point of the
    curve has.

    Attributes:
        curve: Points of the encoder along the axis.
        best: Score of the best point.
        best_at: Value of the axis at the best point; None if the encoder does not have the axis, or for the value null.
        average: Score averaged over the points.
        worst: Score of the worst point.
        tuned: Score at the point that the held-out rows choose.
        tuned_at: Value of the axis at the point that the held-out rows choose; None if the encoder does not have the
            axis, or for the value null.
        spread: Standard deviation over seeds at the point that the held-out rows choose.
        apart: Score of the best point minus score of the worst point; None for a curve of one point.
        within: Standard deviation over seeds at one point, pooled over the options of an axis without order (`init`).
            None with a single seed or point, and on a numeric axis, where bad values may spread more than good values.
        failed: Share of the curve's runs that diverged or score at or below the majority answer.
        num_failed: Number of the curve's runs that diverged or score at or below the majority answer.
    """

    curve: StudyCurve
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
        """Name of the encoder: option of the config group `encoder`, such as `residual`."""
        return self.curve.method


def robustness(curve: StudyCurve) -> Robustness:
    """Summarise the scores along a curve, whose points must have at least one seed in common."""
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


def _share(num_failed: int, curve: StudyCurve) -> Estimate:
    """Estimate the share of failed runs; the estimate has no interval below three seeds."""
    share = spread.share(num_failed, len(curve.runs))
    return share if len(curve.seeds) >= LEAST_SEEDS else replace(share, low=float("nan"), high=float("nan"))
