"""A number with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LEVEL = 0.95
"""Confidence of every interval, unless a caller asks for another."""

LEAST_SEEDS = 3
"""Fewest seeds for an interval, a p or a verdict. The t of two seeds has one degree of freedom: its 95 % quantile is
12.7, so that an interval spans most of what a score can be."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that holds it.

    Attributes:
        value: The point estimate, in the quantity's own unit.
        low: Lower end; `nan` below three seeds.
        high: Upper end; likewise.
        seeds: How many seeds it rests on.
        level: Confidence of the interval.
    """

    value: float
    low: float
    high: float
    seeds: int
    level: float = LEVEL

    @property
    def has_interval(self) -> bool:
        """Whether the data allow an interval at all."""
        return self.low == self.low and self.high == self.high


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two encoders at equal points.

    Attributes:
        difference: Mean of the first less that of the second, with its interval over seeds and examples; over seeds
            alone where the two have counts.
        p: Of no difference over the same, two-sided, not adjusted.
        p_of_many: The p for a difference that is one of many: the larger one of `rpt.stats.crossed`. None where
            that is `p` itself.
        per_seed: For each seed the p of McNemar's exact test (or of randomisation) over its examples alone. They say
            whether these very runs differ, not whether the encoders do, and are never pooled. Empty for counts.
    """

    difference: Estimate
    p: float
    per_seed: tuple[float, ...]
    p_of_many: float | None = None

    def sign(self, p_holm: float) -> Literal[-1, 0, 1]:
        """Of the true difference, as far as it is shown: 0 where the interval holds 0 or the adjusted p is too high."""
        found = self.difference
        is_told = found.has_interval and p_holm < 1 - found.level
        if is_told and found.low > 0:
            return 1
        return -1 if is_told and found.high < 0 else 0
