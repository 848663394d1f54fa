"""Mean scores with intervals for new seeds and new examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import stats

from rpt.stats.crossed import CrossedMean, crossed_mean
from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Estimate
from rpt.stats.wilson import wilson


def mean(units: Float[np.ndarray, "seeds units"], level: float = LEVEL) -> Estimate:
    """Estimate the mean score, with an interval for new seeds and new examples.

    A score cannot exceed 1, so that the interval `mean +- t * error` covers as little as 82 % near 1. This function
    takes Wilson's interval for a share instead. Its sample size is the number of independent examples that would have
    the same standard error (Korn and Graubard 1998), and its quantile is t instead of z. For scores far from 0 and 1
    the interval equals `mean +- t * error`. If neither seeds nor examples differ, for example if all answers are right,
    the standard error is 0, and the sample size is the number of examples: the interval of 56 right answers of 56 is
    94 to 100 %.

    Args:
        units: Score of each sampling unit (example) in the run of each seed, 0 to 1.
        level: Confidence level of the interval.
    """
    num_seeds, num_units = units.shape
    return bounded(crossed_mean(units), num_seeds, num_units, level)


def bounded(grand_mean: CrossedMean, num_seeds: int, num_units: int, level: float = LEVEL) -> Estimate:
    """Turn a grand mean of scores and its standard error into an estimate with Wilson's interval, as in `mean`.

    Args:
        grand_mean: Mean of scores of 0 to 1, with standard error and degrees of freedom; a single design.
        num_seeds: Number of seeds of the design.
        num_units: Number of sampling units (examples) of the design.
        level: Confidence level of the interval.
    """
    value = float(grand_mean.value)
    if num_seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, num_seeds, level)
    quantile, independent = float(stats.norm.isf((1 - level) / 2)), float(num_units)
    if grand_mean.error > 0 and 0 < value < 1:
        quantile = float(grand_mean.half_width(1 - level) / grand_mean.error)
        independent = value * (1 - value) / float(grand_mean.error) ** 2
    low, high = wilson(min(max(value, 0.0), 1.0), independent, quantile)
    return Estimate(value, float(low), float(high), num_seeds, level)


def average_of(means: Sequence[Estimate]) -> Estimate:
    """Average means that were estimated separately, such as the means of several tasks, with an interval.

    The squared distances from each mean to the end of its interval are added (MOVER: Zou and Donner 2008), so that
    intervals need not be symmetric. If a mean has no interval, the average has no interval.
    """
    count = len(means)
    value = sum(estimate.value for estimate in means) / count
    below = math.hypot(*(estimate.value - estimate.low for estimate in means)) / count
    above = math.hypot(*(estimate.high - estimate.value for estimate in means)) / count
    return Estimate(value, value - below, value + above, min(estimate.seeds for estimate in means))
