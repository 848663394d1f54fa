"""How much runs differ, and how many fail."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Estimate


def spread(scores: Float[np.ndarray, " seeds"]) -> Estimate:
    """Standard deviation of the score over seeds, with the chi-square interval of normal scores.

    It is wide because few seeds say little: 3 seeds bound it between 0.5 and 6.3 times the estimate. Scores that are
    not normal, as where one seed in five collapses, spread more than it says.
    """
    num_seeds = len(scores)
    value = float(scores.std(ddof=1)) if num_seeds > 1 else math.nan
    if num_seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, num_seeds)
    ends = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], num_seeds - 1)
    low, high = value * np.sqrt((num_seeds - 1) / ends)
    return Estimate(value, float(low), float(high), num_seeds)


def spread_within(scores: Float[np.ndarray, "points seeds"]) -> Estimate:
    """Standard deviation over seeds at one point, pooled over points that have the same seeds; two at least.

    A seed may be lucky at all points, so that they say less together than as many seeds would. The degrees of freedom
    are those of a sum of dependent squares (Box 1954), by the points' covariance, and never more than independent
    points would have.
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
    """Share of runs that failed, with Wilson's interval for runs that were drawn one by one; `seeds` counts runs.

    Runs of a sweep share examples and seeds, so that they say less than as many runs that share nothing.
    """
    low, high = proportion_confint(count, total, alpha=1 - LEVEL, method="wilson")
    return Estimate(count / total, float(low), float(high), total)
