"""Means of a crossed design: the runs of all seeds answer the same examples.

Seeds s and examples u are random draws from larger populations. The model of the value of example u in the run of seed
s is

    units[s, u] = mean + seed[s] + example[u] + rest[s, u]

With S seeds and U examples, the variance of the grand mean is estimated by mean squares, MS (Searle, Casella, McCulloch
1992, chapter 4):

    (MS_seed + max(0, MS_example - MS_rest)) / (S * U)

The first term, MS_seed / (S * U), is the variance between seeds divided by S; more seeds make it smaller. The second
term is the variance between examples divided by U; more seeds do not change it.

The t statistic has df degrees of freedom, with 1 / df = w / (S - 1) + (1 - w) / (U - 1), where w is the share of
MS_seed in the sum above. Satterthwaite's rule would square the shares. With 3 seeds the estimated share has 2 degrees
of freedom and is often far too small, so that Satterthwaite's intervals cover 92 to 97 %. The rule here covers 94 to
97 % over all mixtures of the two variances, and is exact if one of the variances is 0.

Array axes before the last two hold separate designs, such as the points of a curve. All designs are computed at once.
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
"""Absolute tolerance for scores from 0 to 1: a smaller number counts as 0. The jackknife turns 1 into 1 - 1e-16."""


@dataclass(frozen=True, slots=True)
class CrossedMean:
    """A grand mean with its standard error, for new seeds and new examples.

    Attributes:
        value: Mean over all seeds and examples.
        error: Standard error of the mean; nan below three seeds.
        df: Degrees of freedom of the mean's t statistic; nan below three seeds.
    """

    value: Array
    error: Array
    df: Array

    def half_width(self, miss: float) -> Array:
        """Return half the width of the two-sided interval of confidence level `1 - miss`."""
        return np.asarray(self.error * stats.t.isf(miss / 2, self.df))

    def p(self) -> Array:
        """Return the two-sided p-value for a true mean of 0. It is 1 if the mean and its standard error are 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            size = np.where(np.abs(self.value) < ROUNDING, 0.0, np.abs(self.value) / self.error)
        return np.asarray(2 * stats.t.sf(size, self.df))


class Variances(NamedTuple):
    """Variances that make up the variance of a grand mean.

    Attributes:
        seeds: Variance between the means of the seeds, each over all examples.
        examples: Variance between the means of the examples, each over all seeds, minus the part that the residual
            `rest` of the crossed model explains. It is at least 0.
        least: Variance that the means of the seeds would have because of `rest` alone, without an effect of the seed.
            `seeds` is smaller than `least` only by chance.
    """

    seeds: Array
    examples: Array
    least: Array

    def of_mean(self, num_seeds: int, num_units: int) -> tuple[Array, Array]:
        """Return the standard error of a mean, and the degrees of freedom of its t statistic.

        Args:
            num_seeds: Number of seeds of the mean.
            num_units: Number of examples of the mean.
        """
        of_seeds = self.seeds / num_seeds
        total = np.asarray(of_seeds + self.examples / num_units)
        share = np.divide(of_seeds, total, out=np.ones_like(total), where=total > 0)
        df = np.asarray(1 / (share / (num_seeds - 1) + (1 - share) / max(num_units - 1, 1)))
        error = np.sqrt(total)
        return np.where(error < ROUNDING, 0.0, error), df


def variances(units: Float[np.ndarray, "... seeds units"]) -> Variances:
    """Estimate the variances between seeds and between examples, from at least two seeds."""
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
    is_nothing = of_seeds / num_seeds + examples / num_units < ROUNDING**2  # both estimates are 0 by chance
    return Variances(np.where(is_nothing, least, of_seeds), examples, least)


def crossed_mean_of_many(units: Float[np.ndarray, "... seeds units"]) -> CrossedMean:
    """Estimate the mean over seeds and units, for a mean that is tested together with many other means.

    Among many means, some have an estimated variance that is far too small by chance. The variance between seeds is
    therefore at least `Variances.least`, and the t statistic has `num_seeds - 1` degrees of freedom.
    """
    grand_mean = crossed_mean(units)
    num_seeds, num_units = units.shape[-2:]
    if num_seeds < LEAST_SEEDS:
        return grand_mean
    parts = variances(units)
    seeds = np.maximum(parts.seeds, parts.least)
    error, _ = Variances(seeds, parts.examples, parts.least).of_mean(num_seeds, num_units)
    return CrossedMean(grand_mean.value, error, np.full_like(error, num_seeds - 1))


def crossed_mean(units: Float[np.ndarray, "... seeds units"]) -> CrossedMean:
    """Estimate the mean over seeds and units, with its standard error for new seeds and new units."""
    num_seeds, num_units = units.shape[-2:]
    mean = np.asarray(units.mean((-2, -1)))
    if num_seeds < LEAST_SEEDS:
        unknown = np.full_like(mean, np.nan)
        return CrossedMean(mean, unknown, unknown)
    return CrossedMean(mean, *variances(units).of_mean(num_seeds, num_units))
