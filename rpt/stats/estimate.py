"""Estimates with confidence intervals, and comparisons with p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

LEVEL = 0.95
"""Confidence level of every interval, unless a caller gives another level."""

LEAST_SEEDS = 3
"""Smallest number of seeds for an interval, a p-value or a verdict. With two seeds, the t statistic has one degree of
freedom and a 95 % quantile of 12.7, so that an interval would span most of the range from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A point estimate with its confidence interval.

    Attributes:
        value: Point estimate, in the quantity's own unit.
        low: Lower end of the interval; `nan` if there are too few seeds for an interval.
        high: Upper end of the interval; `nan` if there are too few seeds for an interval.
        seeds: Number of seeds that the estimate is computed from.
        level: Confidence level of the interval.
    """

    value: float
    low: float
    high: float
    seeds: int
    level: float = LEVEL

    @property
    def is_known(self) -> bool:
        """Whether the point estimate is a number. For example, the standard deviation of one seed is `nan`."""
        return not math.isnan(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether the estimate has an interval: both ends are numbers, not `nan`."""
        return not (math.isnan(self.low) or math.isnan(self.high))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of two encoders, of two settings, or of one encoder with a known number.

    Attributes:
        difference: First mean minus second mean, with an interval for new seeds and new examples. The interval of a
            difference of counts is for new seeds only.
        p: Two-sided p-value for a true difference of 0, not adjusted for other comparisons.
        p_of_many: p-value for a difference that is tested together with many others, by
            `rpt.stats.crossed.crossed_mean_of_many`. None if `p` is also valid for this purpose.
        per_seed: p-value of McNemar's exact test (or of a randomisation test) for each seed, over the examples of the
            seed's two runs. It shows whether these two runs differ, not whether the encoders differ, so the values are
            never pooled. Empty for counts and for a comparison with a known number.
    """

    difference: Estimate
    p: float
    per_seed: tuple[float, ...]
    p_of_many: float | None = None

    @property
    def has_p(self) -> bool:
        """Whether the comparison has a p-value. It needs at least three seeds."""
        return not math.isnan(self.p)

    def sign(self, p_holm: float) -> Literal[-1, 0, 1]:
        """Return the sign of the difference if it is significant, else 0.

        The difference is significant if the interval excludes 0 and the adjusted p-value is below 1 minus the level.

        Args:
            p_holm: p-value after Holm's correction.
        """
        difference = self.difference
        is_significant = difference.has_interval and p_holm < 1 - difference.level
        if is_significant and difference.low > 0:
            return 1
        return -1 if is_significant and difference.high < 0 else 0
