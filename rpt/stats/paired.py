"""Comparisons of two encoders, paired by seed and example, and Holm's correction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.crossed import ROUNDING, crossed_mean, crossed_mean_of_many
from rpt.stats.estimate import LEVEL, Comparison, Estimate
from rpt.stats.mean import mean

NUM_SHUFFLES = 10_000
"""Number of random shuffles of a randomisation test. The standard error of the p-value is then at most 0.005."""

_AT_ONCE = 1_000_000  # largest number of random signs in memory, 8 MB


def compare(first: Float[np.ndarray, "seeds units"], second: Float[np.ndarray, "seeds units"]) -> Comparison:
    """Compare the scores of two encoders over new seeds and new examples.

    The differences of all seeds and examples form a crossed design (`rpt.stats.crossed`). The rows of several seeds are
    never pooled, because that would count the same example several times. With fewer than three seeds, the interval and
    the p-value are nan. If the encoders agree on every example, half the width of the interval is Wilson's upper bound
    for the share of differing examples, given that none differs.

    `p_of_many` is the p-value for a difference that is tested together with many others. A variance that is estimated
    from few seeds is often far too small, and among many differences, such a variance is almost certain to occur. In
    simulated studies with 3 seeds and 50 differences that were all 0, the smallest adjusted `p` was below 0.05 in 14 %
    of the studies.

    Args:
        first: Score of each sampling unit (example) in the run of each seed of the first encoder, 0 to 1.
        second: Score of each sampling unit of the second encoder, for the same seeds and examples in the same order.
    """
    units = first - second
    grand_mean = crossed_mean(units)
    value, (num_seeds, num_units) = float(grand_mean.value), units.shape
    half = float(grand_mean.half_width(1 - LEVEL))
    if grand_mean.error == 0 and abs(value) < ROUNDING:
        half = float(proportion_confint(0, num_units, alpha=1 - LEVEL, method="wilson")[1])
    low, high = np.clip([value - half, value + half], -1.0, 1.0)
    difference = Estimate(value, float(low), float(high), num_seeds)
    per_seed = tuple(_p_of_one_seed(*pair) for pair in zip(first, second, strict=True))
    return Comparison(difference, float(grand_mean.p()), per_seed, float(crossed_mean_of_many(units).p()))


def compare_with(units: Float[np.ndarray, "seeds units"], level: float) -> Comparison:
    """Compare an encoder's score with a known number over new seeds and new examples.

    Args:
        units: Score of each sampling unit (example) in the run of each seed, 0 to 1.
        level: Known number, such as the score of the majority answer.
    """
    grand_mean = crossed_mean(units - level)
    score = mean(units)
    difference = Estimate(float(grand_mean.value), score.low - level, score.high - level, len(units))
    return Comparison(difference, float(grand_mean.p()), ())


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust p-values for the number of tests (Holm 1979).

    If every adjusted p-value below 0.05 counts as significant, the probability of any false positive is at most 5 %. A
    p-value that is nan (fewer than three seeds) stays nan and does not count as a test.
    """
    known = sorted(p for p in ps if not math.isnan(p))
    steps = itertools.accumulate(((len(known) - index) * p for index, p in enumerate(known)), max)
    adjusted = dict(zip(known, [min(1.0, step) for step in steps], strict=True))
    return [p if math.isnan(p) else adjusted[p] for p in ps]


def _p_of_one_seed(first: Float[np.ndarray, " units"], second: Float[np.ndarray, " units"]) -> float:
    """Return the p-value of McNemar's exact test of two runs; of a randomisation test if a score is not 0 or 1."""
    both = np.stack([first, second])
    rounded = both.round(9)  # the jackknife turns 1 into 1 - 1e-16
    if not np.isin(rounded, (0.0, 1.0)).all():
        return _p_of_shuffles(first - second)
    only_first, only_second = int((rounded[0] > rounded[1]).sum()), int((rounded[0] < rounded[1]).sum())
    return float(mcnemar([[0, only_first], [only_second, 0]], exact=True).pvalue)


def _p_of_shuffles(differences: Float[np.ndarray, " units"]) -> float:
    """Return the p-value of a mean difference by approximate randomisation (Noreen 1989).

    The two scores of each unit are swapped at random. The p-value is the share of such shuffles whose absolute mean
    difference is at least the observed one.
    """
    differing = differences[np.abs(differences) > 1e-9]
    if not len(differing):
        return 1.0
    rng = np.random.default_rng(0)
    seen, as_large = abs(differing.sum()), 0
    for rows in _parts(NUM_SHUFFLES, max(1, _AT_ONCE // len(differing))):
        signs = rng.choice([-1.0, 1.0], (rows, len(differing)))
        as_large += int((np.abs(signs @ differing) >= seen - 1e-9).sum())
    return (as_large + 1) / (NUM_SHUFFLES + 1)


def _parts(total: int, most: int) -> list[int]:
    """Split a total into parts of at most `most`."""
    return [min(most, total - start) for start in range(0, total, most)]
