"""Performance profiles and probabilities of improvement over the runs of a whole sweep.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (arXiv 2108.13264),
sections 4.2 and 4.3, whose intervals are those of a stratified bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from rpt.stats.estimate import LEAST_SEEDS, LEVEL, Estimate

RESAMPLES = 2000
"""Number of bootstrap samples."""

Scores = Float[np.ndarray, "points _"]
Values = Float[np.ndarray, " values"]


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
        scores: Score of each run, by point and seed.
        thresholds: Thresholds of the score, ascending.

    Examples:
        >>> profile(np.array([[0.2, 0.4, 0.6, 0.8]]), np.array([0.5])).share.tolist()
        [0.5]
    """

    def share(sample: Scores) -> Values:
        above: Values = (sample[..., None] > thresholds).mean(axis=(0, 1))
        return above

    low, high = _interval(share, scores)
    return Profile(thresholds, share(scores), low, high)


def probability_of_improvement(first: Scores, second: Scores) -> Estimate:
    """Estimate the probability that a run of one method scores higher than a run of another method at the same point.

    Every run of a point is compared with every run of the other method there. Equal scores count half.

    Args:
        first: Score of each run of the first method, by point and seed.
        second: Score of each run of the second method, at the same points.

    Returns:
        Mean over the points, with an interval for new seeds on the same examples.

    Examples:
        >>> probability_of_improvement(np.array([[0.5, 0.7]]), np.array([[0.5, 0.6]])).value
        0.625
    """

    def mean(one: Scores, other: Scores) -> Values:
        higher = one[:, :, None] > other[:, None, :]
        equal = one[:, :, None] == other[:, None, :]
        return np.array([(higher + 0.5 * equal).mean()])

    low, high = _interval(mean, first, second)
    seeds = min(first.shape[1], second.shape[1])
    return Estimate(float(mean(first, second)[0]), float(low[0]), float(high[0]), seeds)


def _interval(statistic: Callable[..., Values], *samples: Scores) -> tuple[Values, Values]:
    """Return the 95 % interval of a statistic by a bootstrap that draws seeds anew at each point of each sample."""
    if min(sample.shape[1] for sample in samples) < LEAST_SEEDS:
        unknown = np.full_like(statistic(*samples), np.nan)
        return unknown, unknown
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(RESAMPLES):
        picks = [rng.integers(sample.shape[1], size=sample.shape) for sample in samples]
        drawn.append(statistic(*(np.take_along_axis(*pair, axis=1) for pair in zip(samples, picks, strict=True))))
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail], axis=0)
    return low, high
