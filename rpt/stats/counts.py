"""Statistics of counts over seeds, such as the epochs until a score is reached.

Intervals and p-values are for new seeds, by Student's t. A count is a whole number, so equal counts of a few seeds do
not show that new seeds would give the same count. The variance of a count is therefore taken as at least 1/12, the
variance of a uniform position within one unit (Sheppard 1898).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy import stats

from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Comparison, Estimate

Counts = Float[np.ndarray, " seeds"]

OF_A_UNIT = 1 / 12
"""Smallest variance that is assumed for a count. For the difference of two counts, it is twice as large."""


def mean_count(counts: Counts) -> Estimate:
    """Estimate the mean of a count, with an interval for new seeds; no interval with fewer than three seeds.

    Args:
        counts: Count for each seed, such as the number of epochs until a score is reached.
    """
    estimate, _ = _over_seeds(counts, OF_A_UNIT)
    return (
        Estimate(estimate.value, max(estimate.low, 0.0), estimate.high, estimate.seeds)
        if estimate.has_interval
        else estimate
    )


def compare_counts(first: Counts, second: Counts) -> Comparison:
    """Compare the counts of two encoders by the t-test paired by seed; the difference is `first - second`.

    Args:
        first: Count of the first encoder for each seed.
        second: Count of the second encoder for each seed, for the same seeds in the same order.
    """
    difference, p = _over_seeds(first - second, 2 * OF_A_UNIT)
    return Comparison(difference, p, ())


def _over_seeds(values: Counts, least: float) -> tuple[Estimate, float]:
    """Return the mean with its interval, and the p-value for a true mean of 0. `least` is the smallest variance."""
    num_seeds, mean = len(values), float(values.mean())
    if num_seeds < LEAST_SEEDS:
        return Estimate(mean, math.nan, math.nan, num_seeds), math.nan
    error = math.sqrt(max(float(values.var(ddof=1)), least) / num_seeds)
    half = error * float(stats.t.isf((1 - LEVEL) / 2, num_seeds - 1))
    p = 2 * float(stats.t.sf(abs(mean) / error, num_seeds - 1))
    return Estimate(mean, mean - half, mean + half, num_seeds), p
