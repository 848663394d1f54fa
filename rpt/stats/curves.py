"""Summaries of a whole curve: average, best, worst and range of the scores at the points of a sweep.

Every point of a curve has a score for the same seeds and the same examples. The largest or smallest of several noisy
means is biased: of five points with equal true means, the lowest observed mean is too low. Resampling repeats this
bias, so no function here resamples. It is unknown which point is truly the best or worst. The functions therefore
compute an interval for every point that may be the extreme, by the differences between points (multiple comparisons
with the best, Hsu 1996), and combine these intervals.

Simulated coverage (nominal 95 %; 3, 5 and 10 seeds; 56 and 256 examples; peaks, plateaus, slopes, ties, cliffs) is 92
to 99 % for best and worst, and 92 to 100 % for the distance between best and worst. If a score collapses for some
seeds, but for none of the observed seeds, no interval can show the collapse.

This module does not estimate the range of axis values whose scores are close to the best, nor the smallest axis value
whose score is high enough. Both depend on which point is the best. For points of equal true score over 4 decades of the
axis, such an estimate of the range was 0.6 decades.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Bool, Float

from rpt.stats.crossed import crossed_mean
from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Estimate
from rpt.stats.mean import mean

Pairs = Float[np.ndarray, "points points"]
PointUnits = Float[np.ndarray, "points seeds units"]

MISS = 1 - LEVEL
"""Probability that an interval misses the true value, on either side."""

SUSPECT_MISS = 0.01
"""Error probability of the intervals that exclude points as the worst.

A point cannot be the worst if another point is lower and the interval of their difference excludes 0.
"""

TIED_MISS = 0.03
"""Nominal probability that the upper end of the interval of `worst` is too low, if several points may be the worst.

It is below 0.05 because with 3 seeds, intervals of 98 and 99 % miss more often than their level says. The simulated
coverage for five points of equal mean is 90 % with 0.05, and 93 % with 0.03.
"""

APART_MISS = 0.005
"""Nominal probability that the lower end of the interval of `apart` is above 0 although all points have equal true
scores. It is below 0.025 because with 3 seeds, intervals of high level miss more often than their level says. With five
points of equal mean and 3 seeds, a lower end above 0 occurred in 10 % of the simulations with 0.025 and in 5 % with
0.005."""


def average(units: PointUnits) -> Estimate:
    """Estimate the score averaged over the points."""
    return mean(units.mean(axis=0))


def best(units: PointUnits) -> Estimate:
    """Estimate the score of the truly best point; `value` is the highest observed mean, which is slightly too high."""
    worst_miss = worst(1 - units)
    return Estimate(1 - worst_miss.value, 1 - worst_miss.high, 1 - worst_miss.low, worst_miss.seeds)


def worst(units: PointUnits) -> Estimate:
    """Estimate the score of the truly worst point; `value` is the lowest observed mean, which is slightly too low.

    If only one point may be the worst, the result has the interval of that point. If k points may be the worst, the
    lower end is the lowest of their lower ends. The worst score is not above any of their upper ends, so the upper end
    is the lowest of these. Each upper end may be too low with probability `TIED_MISS / k` (Bonferroni).
    """
    means = units.mean(axis=(1, 2))
    value, seeds = float(means.min()), units.shape[1]
    if seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, seeds)
    suspects = units[_may_be_best(*_differences(1 - units, miss=SUSPECT_MISS))]
    each = min(MISS / 2, TIED_MISS / len(suspects))  # probability of an upper end that is too low
    low = min(mean(point).low for point in suspects)
    high = min(mean(point, 1 - 2 * each).high for point in suspects)
    return Estimate(value, low, high, seeds)


def apart(units: PointUnits) -> Estimate:
    """Estimate the distance between the truly best and the truly worst score.

    `value` is the distance between the observed means, which is slightly too high. The true distance is the difference
    of one pair of points, so the upper end of the interval is the highest upper end of any pair's 95 % interval. The
    true distance is at least the difference of every pair, so the lower end is the highest lower end of any pair, with
    Bonferroni's correction because any pair may look far apart by chance.
    """
    means = units.mean(axis=(1, 2))
    value, num_seeds = float(means.max() - means.min()), units.shape[1]
    if num_seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, num_seeds)
    num_pairs = len(units) * (len(units) - 1) / 2
    gaps = crossed_mean(units[:, None] - units[None, :])
    low = gaps.value - gaps.half_width(APART_MISS / num_pairs)
    high = gaps.value + gaps.half_width(MISS)
    return Estimate(value, max(0.0, float(low.max())), min(1.0, float(high.max())), num_seeds)


def _differences(units: PointUnits, *, miss: float) -> tuple[Pairs, Pairs]:
    """Return the difference of means for each pair of points, and half the width of its interval of level 1 - miss."""
    gaps = crossed_mean(units[:, None] - units[None, :])
    return gaps.value, gaps.half_width(miss)


def _may_be_best(size: Pairs, margin: Pairs) -> Bool[np.ndarray, " points"]:
    """Return for each point whether it may be the best: no other point is above it by more than the margin."""
    return np.asarray((size + margin >= 0).all(axis=1))
