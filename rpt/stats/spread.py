"""Standard deviation of scores over seeds, and the share of failed runs."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Estimate


def spread(scores: Float[np.ndarray, " seeds"]) -> Estimate:
    """Estimate the standard deviation of the score over seeds, with the chi-square interval for normal scores.

    The interval is wide with few seeds: 3 seeds bound the standard deviation between 0.5 and 6.3 times the estimate.
    If scores are not normal, for example because one seed in five collapses, the interval can be too narrow.
    """
    num_seeds = len(scores)
    value = float(scores.std(ddof=1)) if num_seeds > 1 else math.nan
    if num_seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, num_seeds)
    ends = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], num_seeds - 1)
    low, high = value * np.sqrt((num_seeds - 1) / ends)
    return Estimate(value, float(low), float(high), num_seeds)


def spread_within(scores: Float[np.ndarray, "points seeds"]) -> Estimate:
    """Estimate the standard deviation over seeds at one point, pooled over points that share at least two seeds.

    A seed may score high at all points, so the points are not independent. The degrees of freedom are therefore
    computed from the covariance of the points, as for a sum of dependent squares (Box 1954).
    """
    num_points, num_seeds = scores.shape
    deviations = scores - scores.mean(axis=1, keepdims=True)
    covariance = deviations @ deviations.T / (num_seeds - 1)
    total = float(np.trace(covariance))
    value = math.sqrt(total / num_points)
    if total == 0 or num_seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, num_seeds)
    df = (num_seeds - 1) * total**2 / float((covariance**2).sum())
    low, high = value * np.sqrt(df / stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], df))
    return Estimate(value, float(low), float(high), num_seeds)


def share(count: int, total: int) -> Estimate:
    """Estimate the share of failed runs, with Wilson's interval for independent runs.

    Runs of a sweep share examples and seeds, so the true uncertainty is larger than the interval.

    Args:
        count: Number of failed runs.
        total: Number of runs. The attribute `seeds` of the estimate has this number.
    """
    low, high = proportion_confint(count, total, alpha=1 - LEVEL, method="wilson")
    return Estimate(count / total, float(low), float(high), total)
