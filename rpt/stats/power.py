"""How many seeds a question needs."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from statsmodels.stats.power import TTestPower

from rpt.stats.crossed import Variances, variances
from rpt.stats.estimate import LEAST_SEEDS, LEVEL

MOST_SEEDS = 100_000
"""Beyond this the answer is that no number of seeds would do."""


def seeds_needed(
    differences: Float[np.ndarray, "seeds units"], effect: float = 0.01, power: float = 0.8
) -> int | float | None:
    """How many seeds would show a difference of `effect` between two encoders, on as many examples as now.

    By the very test that compares them (`rpt.stats.crossed`), at the 5 % level, two-sided. Its variance has a part of
    the examples, which more seeds do not shrink: where that alone is too large, no number of seeds will do. Both
    variances are those of the seeds and examples at hand: from 3 seeds the answer is a rough size and no promise.

    Args:
        differences: Of the two encoders' units.
        effect: The true difference to show: 0.01 is one point.
        power: The chance to show it.

    Returns:
        At least 2; infinite where no number of seeds would show it on so many examples; None where the data tell no
        variance: fewer than three seeds, or encoders that differ nowhere.
    """
    num_seeds, num_units = differences.shape
    if num_seeds < LEAST_SEEDS:
        return None
    found = variances(differences)
    if float(found.of_mean(num_seeds, num_units)[0]) == 0:
        return None
    return seeds_for(found, num_units, effect, power)


def seeds_for(found: Variances, num_units: int, effect: float, power: float) -> int | float:
    """How many seeds would show a difference whose variances are known.

    Args:
        found: Of the difference; one of them above 0.
        num_units: How many examples there are.
        effect: The true difference.
        power: The chance to show it.
    """

    def shows(num_seeds: int) -> bool:
        error, df = (float(value) for value in found.of_mean(num_seeds, num_units))
        if error == 0:
            return True
        # One side with half the level: the other adds nothing. Where the power is 1, scipy may give nan for it.
        reached = TTestPower().power(effect / error, 1, (1 - LEVEL) / 2, df=df, alternative="larger")
        return not reached < power

    most = 2
    while not shows(most):
        most *= 2
        if most > MOST_SEEDS:
            return math.inf
    least = most // 2
    while most - least > 1:  # `least` is too few, `most` is enough
        middle = (least + most) // 2
        least, most = (least, middle) if shows(middle) else (middle, most)
    return most
