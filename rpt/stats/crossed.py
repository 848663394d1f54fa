"""Means over seeds and examples that are crossed: every seed's run answers the same examples.

With seeds s and examples u, both drawn from many, the model of one cell is

    units[s, u] = mean + seed[s] + example[u] + rest[s, u]

and the variance of the grand mean is estimated by mean squares, MS (Searle, Casella, McCulloch 1992, chapter 4):

    (MS_seed + max(0, MS_example - MS_rest)) / (S * U)

which is a variance of seeds over S, that more seeds shrink, and one of examples over U, that they do not.

Its t has df with 1 / df = w / (S - 1) + (1 - w) / (U - 1), where w is the share of MS_seed in that sum. Satterthwaite's
rule squares the shares. It trusts an estimated share that with 3 seeds has 2 degrees of freedom and is often far too
small, and covers 92 to 97 %; this one covers 94 to 97 % over all mixtures of the two variances, and is exact where
only one of them is there.

Axes before the last two are other studies, or other points of a curve: all are computed at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from rpt.stats.estimate import LEAST_SEEDS

Array = Float[np.ndarray, "..."]

ROUNDING = 1e-12
"""What is less than this is 0: units are 0 to 1, and the jackknife leaves 1 - 1e-16 of 1."""


@dataclass(frozen=True, slots=True)
class CrossedMean:
    """A grand mean with its standard error, for new seeds and new examples.

    Attributes:
        value: The mean.
        error: Its standard error; nan below three seeds.
        df: Degrees of freedom of its t; nan below three seeds.
    """

    value: Array
    error: Array
    df: Array

    def half_width(self, miss: float) -> Array:
        """How far the mean is from its expectation at most, but for a chance of `miss`, above and below together."""
        return np.asarray(self.error * stats.t.isf(miss / 2, self.df))

    def p(self) -> Array:
        """Return the p of an expectation of 0, two-sided; 1 where nothing varies and the mean is 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.where(np.abs(self.value) < ROUNDING, 0.0, np.abs(self.value) / self.error)
        return np.asarray(2 * stats.t.sf(size, self.df))


class Variances(NamedTuple):
    """What a grand mean varies with.

    Attributes:
        seeds: Of one seed's mean over the examples at hand.
        examples: Of one example's mean over all seeds; 0 where the examples differ less than chance would have it.
        least: Of one seed's mean if seeds did not differ at all, by the rest alone; `seeds` is below it by chance only.
    """

    seeds: Array
    examples: Array
    least: Array

    def of_mean(self, num_seeds: int, num_units: int) -> tuple[Array, Array]:
        """Standard error of the mean of so many seeds and examples, and the degrees of freedom of its t."""
        of_seeds = self.seeds / num_seeds
        total = np.asarray(of_seeds + self.examples / num_units)
        share = np.divide(of_seeds, total, out=np.ones_like(total), where=total > 0)
        df = np.asarray(1 / (share / (num_seeds - 1) + (1 - share) / max(num_units - 1, 1)))
        error = np.sqrt(total)
        return np.where(error < ROUNDING, 0.0, error), df


def variances(units: Float[np.ndarray, "... seeds units"]) -> Variances:
    """Estimate both variances; there must be two seeds."""
    num_seeds, num_units = units.shape[-2:]
    mean = units.mean((-2, -1))
    by_seed = units.mean(-1) - mean[..., None]
    by_unit = units.mean(-2) - mean[..., None]
    rest = units - mean[..., None, None] - by_seed[..., :, None] - by_unit[..., None, :]
    degrees = num_seeds - 1, max(num_units - 1, 1)
    of_units = num_seeds * (by_unit**2).sum(-1) / degrees[1]
    of_rest = (rest**2).sum((-2, -1)) / (degrees[0] * degrees[1])
    of_seeds = (by_seed**2).sum(-1) / degrees[0]
    least = np.asarray(of_rest / num_units)
    examples = np.asarray(np.maximum(0.0, of_units - of_rest) / num_seeds)
    is_nothing = of_seeds / num_seeds + examples / num_units < ROUNDING**2  # equal scores of all seeds, by chance
    return Variances(np.where(is_nothing, least, of_seeds), examples, least)


def crossed_mean_of_many(units: Float[np.ndarray, "... seeds units"]) -> CrossedMean:
    """The mean over seeds and units, where many means are looked at and one of them is sure to vary little by chance.

    The variance of the seeds is never below what the rest alone gives, and the t has the degrees of freedom of the
    seeds.
    """
    found = crossed_mean(units)
    num_seeds, num_units = units.shape[-2:]
    if num_seeds < LEAST_SEEDS:
        return found
    parts = variances(units)
    seeds = np.maximum(parts.seeds, parts.least)
    error, _ = Variances(seeds, parts.examples, parts.least).of_mean(num_seeds, num_units)
    return CrossedMean(found.value, error, np.full_like(error, num_seeds - 1))


def crossed_mean(units: Float[np.ndarray, "... seeds units"]) -> CrossedMean:
    """The mean over seeds and units, for new seeds and new units."""
    num_seeds, num_units = units.shape[-2:]
    mean = np.asarray(units.mean((-2, -1)))
    if num_seeds < LEAST_SEEDS:
        unknown = np.full_like(mean, np.nan)
        return CrossedMean(mean, unknown, unknown)
    return CrossedMean(mean, *variances(units).of_mean(num_seeds, num_units))
