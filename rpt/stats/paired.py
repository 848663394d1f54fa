"""Two encoders at equal points, paired by seed and example."""

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
"""Of a randomisation test: its p then moves by at most 0.005 with the shuffles drawn."""

_AT_ONCE = 1_000_000  # signs in memory, 8 MB


def compare(ours: Float[np.ndarray, "seeds units"], theirs: Float[np.ndarray, "seeds units"]) -> Comparison:
    """Whether one encoder scores more than another over new seeds and new examples, and by how much.

    A difference is one cell of a crossed design (`rpt.stats.crossed`), so seeds and examples each count as often as
    they are there: rows of several seeds are never pooled, which would take the same example for several. Below three
    seeds interval and p are nan. Where the two differ on no example the interval is what so many equal ones leave open.

    One difference among many has a p of its own, `p_of_many`. A variance estimated from few seeds is often far too
    small, and among many differences one is certain to have such a variance. In simulated studies of 50 differences,
    all of them 0, and 3 seeds, the smallest adjusted `p` was below 0.05 in 14 % of the studies.

    Args:
        ours: A score's units of one encoder.
        theirs: Of the other, the same seeds and examples in the same order.
    """
    units = ours - theirs
    found = crossed_mean(units)
    value, (num_seeds, num_units) = float(found.value), units.shape
    half = float(found.half_width(1 - LEVEL))
    if found.error == 0 and abs(value) < ROUNDING:
        half = float(proportion_confint(0, num_units, alpha=1 - LEVEL, method="wilson")[1])
    low, high = np.clip([value - half, value + half], -1.0, 1.0)
    difference = Estimate(value, float(low), float(high), num_seeds)
    per_seed = tuple(_p_of_one_seed(*pair) for pair in zip(ours, theirs, strict=True))
    return Comparison(difference, float(found.p()), per_seed, float(crossed_mean_of_many(units).p()))


def compare_with(units: Float[np.ndarray, "seeds units"], level: float) -> Comparison:
    """Compare a score with a known number over new seeds and new examples.

    Args:
        units: A score's units of one encoder.
        level: The known number, such as the majority answer's score.
    """
    found = crossed_mean(units - level)
    score = mean(units)
    difference = Estimate(float(found.value), score.low - level, score.high - level, len(units))
    return Comparison(difference, float(found.p()), ())


def holm(ps: Sequence[float]) -> list[float]:
    """Adjust the p of several tasks, so that one false finding among all of them has a chance of 5 % (Holm 1979).

    A p that is nan (fewer than three seeds) is no test: it stays nan and does not count.
    """
    known = sorted(p for p in ps if not math.isnan(p))
    steps = itertools.accumulate(((len(known) - at) * p for at, p in enumerate(known)), max)
    adjusted = dict(zip(known, [min(1.0, step) for step in steps], strict=True))
    return [p if math.isnan(p) else adjusted[p] for p in ps]


def _p_of_one_seed(ours: Float[np.ndarray, " units"], theirs: Float[np.ndarray, " units"]) -> float:
    """Whether two runs differ on new examples: McNemar's exact test, or randomisation where units are not 0 and 1."""
    both = np.stack([ours, theirs])
    rounded = both.round(9)  # the jackknife leaves 1 - 1e-16
    if not np.isin(rounded, (0.0, 1.0)).all():
        return _p_of_shuffles(ours - theirs)
    only_ours, only_theirs = int((rounded[0] > rounded[1]).sum()), int((rounded[0] < rounded[1]).sum())
    return float(mcnemar([[0, only_ours], [only_theirs, 0]], exact=True).pvalue)


def _p_of_shuffles(differences: Float[np.ndarray, " units"]) -> float:
    """Approximate randomisation (Noreen 1989): how often swapping the two at random gives as large a difference."""
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
    """A total as a sum of numbers of at most `most`."""
    return [min(most, total - start) for start in range(0, total, most)]
