"""How many seeds a question needs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from statsmodels.stats.power import TTestPower

from rpt.stats.crossed import ROUNDING
from rpt.stats.estimate import LEVEL

MOST_SEEDS = 100_000
"""Beyond this the answer is that seeds do not help."""


def seeds_needed(differences: Float[np.ndarray, " seeds"], effect: float = 0.01, power: float = 0.8) -> int | None:
    """How many seeds would show a difference of `effect` between two encoders, on these very examples.

    By the paired t test at the 5 % level, two-sided. The standard deviation is that of the seeds at hand: from 3 seeds
    the answer is a rough size and no promise.

    Args:
        differences: Of the two encoders' scores, one for each seed.
        effect: The true difference to show: 0.01 is one point.
        power: The chance to show it.

    Returns:
        At least 2; None with fewer than two seeds, which tell no spread, and beyond `MOST_SEEDS`.
    """
    if len(differences) < 2:
        return None
    deviation = float(differences.std(ddof=1))
    if deviation < ROUNDING:
        return 2
    test = TTestPower()

    def shows(num_seeds: int) -> bool:
        # One side with half the level: the other adds nothing. Where the power is 1, scipy may give nan for it.
        found = test.power(effect / deviation, num_seeds, (1 - LEVEL) / 2, alternative="larger")
        return not found < power

    most = 2
    while not shows(most):
        most *= 2
        if most > MOST_SEEDS:
            return None
    least = most // 2
    while most - least > 1:  # `least` is too few, `most` is enough
        middle = (least + most) // 2
        least, most = (least, middle) if shows(middle) else (middle, most)
    return most
