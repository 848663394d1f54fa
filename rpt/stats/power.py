"""Number of seeds that a comparison needs (power analysis)."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.special import nctdtr, stdtrit

from rpt.stats.crossed import Variances, variances
from rpt.stats.estimate import LEAST_SEEDS, LEVEL

MOST_SEEDS = 100_000
"""Largest number of seeds that the search tries. The result is infinite if it is too small."""


def seeds_needed(
    differences: Float[np.ndarray, "seeds units"], effect: float = 0.01, power: float = 0.8
) -> int | float | None:
    """Estimate the number of seeds that show a difference of `effect` between two encoders on the same examples.

    The test is the two-sided test of `rpt.stats.crossed` at the 5 % level. More seeds do not reduce the variance
    between examples. If that variance alone is too large, no number of seeds suffices. Both variances are estimated
    from the given seeds and examples, so with 3 seeds the result is only a rough estimate.

    Args:
        differences: Score of the first encoder minus score of the second, for each seed and sampling unit (example).
        effect: True difference that the test should detect; 0.01 is one point.
        power: Probability with which the test should detect the difference.

    Returns:
        Number of seeds, at least 2. Infinite if no number of seeds suffices with this number of examples. None if the
        variance is unknown: with fewer than three seeds, or if all differences are equal.
    """
    num_seeds, num_units = differences.shape
    if num_seeds < LEAST_SEEDS:
        return None
    parts = variances(differences)
    if float(parts.of_mean(num_seeds, num_units)[0]) == 0:
        return None
    return seeds_for(parts, num_units, effect, power)


def seeds_for(parts: Variances, num_units: int, effect: float, power: float) -> int | float:
    """Return the number of seeds that show a difference, given its variances; infinite if no number suffices.

    Args:
        parts: Variances of the difference; at least one is above 0.
        num_units: Number of sampling units (examples).
        effect: True difference that the test should detect; 0.01 is one point.
        power: Probability with which the test should detect the difference.
    """

    def shows(num_seeds: int) -> bool:
        error, df = (float(value) for value in parts.of_mean(num_seeds, num_units))
        if error == 0:
            return True
        # The upper tail of the noncentral t; the lower tail adds nothing. For a power of 1, scipy may return nan.
        missed = nctdtr(df, effect / error, stdtrit(df, (1 + LEVEL) / 2))
        return not 1 - missed < power

    least, most = 1, 2
    while not shows(most):
        if most == MOST_SEEDS:
            return math.inf
        least, most = most, min(2 * most, MOST_SEEDS)
    while most - least > 1:  # `least` is too few, `most` is enough
        middle = (least + most) // 2
        least, most = (least, middle) if shows(middle) else (middle, most)
    return most
