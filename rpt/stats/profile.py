"""Performance profiles and probabilities of improvement over the runs of a whole sweep.

Source of both numbers: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(arXiv 2108.13264), sections 4.2 and 4.3. The intervals of their percentile bootstrap are too narrow for few seeds. In
simulations of seven kinds of sweeps with 3 seeds, 400 studies of each kind, its 95 % intervals of a profile contained
the true share in 44 to 71 % of the cases.

The intervals here are Wilson's, for new seeds on the same examples. Both numbers are shares, of runs or of pairs of
runs. The variance of a share is computed from the differences between seeds, because the runs of one seed share its
random numbers at all points. Few seeds often give a variance that is far too small. The variance is therefore taken as
at least the variance of independent runs (Korn and Graubard 1998 limit the sample size in this way). The intervals
contained the true number in 90 to 99 % of the studies that `tests/stats/test_stats_profile.py` simulates, with 3, 5 and
10 seeds, and in all studies of a probability at a single point with 3 seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Estimate
from rpt.stats.wilson import wilson

Scores = Float[np.ndarray, "points _"]
Values = Float[np.ndarray, "..."]

ScoresOfATask = Float[np.ndarray, "_ _"]
"""Scores [points, seeds] of a method on one of several tasks. Tasks may differ in the number of points."""

QUANTILE = float(stats.norm.isf((1 - LEVEL) / 2))

PAIRS_OF_A_RUN = 0.75
"""Covariance of two pairs of runs that have a run in common, in units of the variance of one pair.

It is the sum over both methods, because the common run may be of either method. The sum is 2/3 if both methods have the
same normal distribution of scores (Hanley and McNeil 1982), and at most 1 (Birnbaum and Klose 1957). 2/3 is too small
for 3 seeds at a single point: if one method wins all nine pairs, the interval excludes 0.5. Of two equal methods, whose
true probability is 0.5, one wins all nine pairs in 10 % of the studies.
"""


class Profile(NamedTuple):
    """Share of runs that score above each threshold.

    Attributes:
        thresholds: Thresholds of the score, 0 to 1, ascending.
        share: Share of the runs above each threshold, 0 to 1.
        low: Lower end of the 95 % interval of each share; `nan` below three seeds.
        high: Upper end of the 95 % interval of each share; `nan` below three seeds.
    """

    thresholds: Values
    share: Values
    low: Values
    high: Values


def profile(scores: Scores, thresholds: Values) -> Profile:
    """Compute the share of runs above each threshold, with an interval for new seeds on the same examples.

    Args:
        scores: Score of each run, `[points, seeds]`, 0 to 1.
        thresholds: Thresholds of the score, 0 to 1, ascending.

    Examples:
        >>> profile(np.array([[0.2, 0.4, 0.6, 0.8]]), np.array([0.5])).share.tolist()
        [0.5]
    """
    by_seed = (scores[..., None] > thresholds).mean(axis=0)
    share: Values = by_seed.mean(axis=0)
    num_seeds = scores.shape[1]
    if num_seeds < LEAST_SEEDS:
        unknown = np.full_like(share, np.nan)
        return Profile(thresholds, share, unknown, unknown)
    low, high = _interval(share, by_seed.var(axis=0, ddof=1) / num_seeds, float(scores.size))
    return Profile(thresholds, share, low, high)


def probability_of_improvement(first: Scores, second: Scores) -> Estimate:
    """Estimate the probability that a run of one method scores higher than a run of another method at the same point.

    Every run of the first method is compared with every run of the second method at the same point. Equal scores count
    half.

    Args:
        first: Score of each run of the first method, `[points, seeds]`.
        second: Score of each run of the second method at the same points and for the same seeds. A method without
            randomness, whose runs at a point have equal scores, may have a single run at each point.

    Returns:
        Mean over the points, with an interval for new seeds on the same examples.

    Examples:
        >>> probability_of_improvement(np.array([[0.5, 0.7]]), np.array([[0.5, 0.6]])).value
        0.625
    """
    return probability_over_tasks([(first, second)])


def probability_over_tasks(tasks: Sequence[tuple[ScoresOfATask, ScoresOfATask]]) -> Estimate:
    """Estimate the mean over tasks of `probability_of_improvement`, with an interval for new seeds on each task.

    Args:
        tasks: Scores of the first and of the second method on each task, each `[points, seeds]`. The tasks may differ
            in points and seeds.
    """
    values, variances, counts = np.array([_share_of_pairs(*task) for task in tasks]).T
    value, seeds = float(values.mean()), min(first.shape[1] for first, _ in tasks)
    if seeds < LEAST_SEEDS:
        return Estimate(value, math.nan, math.nan, seeds)
    variance = variances.sum() / len(tasks) ** 2
    low, high = _interval(value, variance, len(tasks) ** 2 / (1 / counts).sum())
    return Estimate(value, float(low), float(high), seeds)


def _share_of_pairs(first: Scores, second: Scores) -> tuple[float, float, float]:
    """Return the share of pairs in which the first method scores higher, its variance, and its largest sample size.

    The variance comes from the placements of each seed (DeLong et al. 1988): the share of pairs that the first method's
    runs of this seed win, plus the share of pairs that the second method's runs of this seed lose. The largest sample
    size is computed for independent runs: the share of wins of this many independent pairs has the same variance.
    """
    num_points, num_seeds = first.shape
    one, other = first[:, :, None], second[:, None, :]
    wins = (one > other) + 0.5 * (one == other)
    placements = wins.mean(axis=(0, 2))
    is_random = second.shape[1] > 1
    if is_random:
        placements = placements + wins.mean(axis=(0, 1))
    variance = placements.var(ddof=1) / num_seeds if num_seeds > 1 else math.nan
    independent = num_seeds**2 / (1 + PAIRS_OF_A_RUN * (num_seeds - 1)) if is_random else num_seeds
    return float(wins.mean()), float(variance), float(num_points * independent)


def _interval(share: Values | float, variance: Values | float, most: float) -> tuple[Values, Values]:
    """Return Wilson's interval of a share. The sample size follows from the share's variance, and is at most `most`."""
    of_one = np.asarray(share) * (1 - np.asarray(share))
    with np.errstate(divide="ignore", invalid="ignore"):
        count = np.where(of_one > 0, np.minimum(most, of_one / np.asarray(variance)), most)
    return wilson(share, count, QUANTILE)
