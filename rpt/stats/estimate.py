"""A number with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LEVEL = 0.95
"""Confidence of every interval, unless a caller asks for another."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that holds it.

    Attributes:
        value: The point estimate, in the quantity's own unit.
        low: Lower end; `-inf` or `nan` where the data bound it from no side (one seed).
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
        per_seed: For each seed the p of McNemar's exact test (or of randomisation) over its examples alone. They say
            whether these very runs differ, not whether the encoders do, and are never pooled. Empty for counts.
    """

    difference: Estimate
    p: float
    per_seed: tuple[float, ...]

    def sign(self, p_holm: float) -> Literal[-1, 0, 1]:
        """Of the true difference, as far as it is shown: 0 where the interval holds 0 or the adjusted p is too high."""
        found = self.difference
        is_told = found.has_interval and p_holm < 1 - found.level
        if is_told and found.low > 0:
            return 1
        return -1 if is_told and found.high < 0 else 0
