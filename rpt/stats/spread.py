"""How much runs differ, and how many fail."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.estimate import LEVEL, Estimate


def spread(scores: Float[np.ndarray, " seeds"]) -> Estimate:
    """Standard deviation of the score over seeds, with the chi-square interval of normal scores.

    It is wide because few seeds say little: 3 seeds bound it between 0.5 and 6.3 times the estimate. Scores that are
    not normal, as where one seed in five collapses, spread more than it says.
    """
    num_seeds = len(scores)
    if num_seeds == 1:
        return Estimate(math.nan, math.nan, math.nan, num_seeds)
    value = float(scores.std(ddof=1))
    ends = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], num_seeds - 1)
    low, high = value * np.sqrt((num_seeds - 1) / ends)
    return Estimate(value, float(low), float(high), num_seeds)


def share(count: int, total: int) -> Estimate:
    """Share of runs that failed, with Wilson's interval; `seeds` is the number of runs."""
    low, high = proportion_confint(count, total, alpha=1 - LEVEL, method="wilson")
    return Estimate(count / total, float(low), float(high), total)
