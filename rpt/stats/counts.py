"""Counts over seeds, such as the epochs until a score is reached.

Their means are those of new seeds, by Student's t. A count is whole, so that a few equal ones do not say that others
would be equal too: its variance is taken as at least 1/12, that of a place within a unit (Sheppard 1898).
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy import stats

from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Comparison, Estimate

Counts = Float[np.ndarray, " seeds"]

OF_A_UNIT = 1 / 12
"""The least variance of a count; that of a difference of two is twice as large."""


def mean_count(counts: Counts) -> Estimate:
    """The mean over new seeds; no interval below three seeds."""
    found, _ = _over_seeds(counts, OF_A_UNIT)
    return Estimate(found.value, max(found.low, 0.0), found.high, found.seeds) if found.has_interval else found


def compare_counts(ours: Counts, theirs: Counts) -> Comparison:
    """Whether one is less than the other over new seeds, and by how much: the paired t over seeds.

    Args:
        ours: Of each seed.
        theirs: Of the same seeds.
    """
    difference, p = _over_seeds(ours - theirs, 2 * OF_A_UNIT)
    return Comparison(difference, p, ())


def _over_seeds(values: Counts, least: float) -> tuple[Estimate, float]:
    """The mean with its interval, and p of an expectation of 0; the variance is at least `least`."""
    num_seeds, mean = len(values), float(values.mean())
    if num_seeds < LEAST_SEEDS:
        return Estimate(mean, math.nan, math.nan, num_seeds), math.nan
    error = math.sqrt(max(float(values.var(ddof=1)), least) / num_seeds)
    half = error * float(stats.t.isf((1 - LEVEL) / 2, num_seeds - 1))
    p = 2 * float(stats.t.sf(abs(mean) / error, num_seeds - 1))
    return Estimate(mean, mean - half, mean + half, num_seeds), p
