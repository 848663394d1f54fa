"""A score over new seeds and new examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import stats

from rpt.stats.crossed import crossed_mean
from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Estimate


def mean(units: Float[np.ndarray, "seeds units"], level: float = LEVEL) -> Estimate:
    """The mean score, with the interval that holds the mean of new seeds on new examples.

    A score has no room beyond 1: `mean +- t * error` near it covers as little as 82 %. So the interval is Wilson's for
    a share, of the number of independent examples that would have the same error (Korn and Graubard 1998), with t for
    z. In the middle it is `mean +- t * error`. Where neither seeds nor examples differ, such as where all are right,
    there is no error to go by, and it is Wilson's own for as many examples: 56 of 56 says at least 94 %.

    Args:
        units: A score's units; every seed has the same examples.
        level: Confidence of the interval.
    """
    found = crossed_mean(units)
    value, (num_seeds, num_units) = float(found.value), units.shape
    if num_seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, num_seeds, level)
    quantile, independent = float(stats.norm.isf((1 - level) / 2)), float(num_units)
    if found.error > 0 and 0 < value < 1:
        quantile = float(found.half_width(1 - level) / found.error)
        independent = value * (1 - value) / float(found.error) ** 2
    low, high = _wilson(min(max(value, 0.0), 1.0), independent, quantile)
    return Estimate(value, low, high, num_seeds, level)


def average_of(means: Sequence[Estimate]) -> Estimate:
    """The average of means that were made apart, such as those of several tasks, with its interval.

    The distances from each mean to an end of its interval are added in squares (MOVER: Zou and Donner 2008), so that no
    interval need be symmetric. No interval where one of them has none.
    """
    count = len(means)
    value = sum(one.value for one in means) / count
    below = math.hypot(*(one.value - one.low for one in means)) / count
    above = math.hypot(*(one.high - one.value for one in means)) / count
    return Estimate(value, value - below, value + above, min(one.seeds for one in means))


def _wilson(share: float, count: float, quantile: float) -> tuple[float, float]:
    """Which true shares are within `quantile` of their standard errors of this one (Wilson 1927)."""
    extra = quantile**2 / count
    centre = (share + extra / 2) / (1 + extra)
    half = math.sqrt(extra * share * (1 - share) + extra**2 / 4) / (1 + extra)
    return max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))  # rounding apart, they hold it
