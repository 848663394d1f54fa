"""Spread and failed runs against tables, statsmodels and simulation."""

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.spread import share, spread, spread_within


def test_spread_is_the_sample_deviation_with_the_chi_square_interval():
    scores = np.array([0.60, 0.70, 0.65])
    found = spread(scores)
    assert found.value == pytest.approx(0.05)
    # Two degrees of freedom: chi-square is exponential with mean 2, so its quantiles are -2 log(1 - p).
    ends = [0.05 * math.sqrt(2 / (-2 * math.log(1 - p))) for p in (0.975, 0.025)]
    assert (found.low, found.high) == (pytest.approx(ends[0]), pytest.approx(ends[1]))
    assert not spread(scores[:1]).has_interval


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_spread_holds_the_deviation_of_normal_scores(coverage, num_seeds):
    scores = np.random.default_rng(0).normal(0.7, 0.03, (2000, num_seeds))
    assert 94 <= coverage([spread(one) for one in scores], 0.03) <= 96


def test_failed_share_is_wilsons():
    found = share(3, 20)
    assert (found.low, found.high) == pytest.approx(proportion_confint(3, 20, method="wilson"))
    assert (found.value, found.seeds) == (0.15, 20)
    assert share(0, 12).low == pytest.approx(0, abs=1e-12)
    assert share(0, 12).high > 0.2


def test_spread_within_points_is_pooled():
    scores = np.array([[0.60, 0.70, 0.65], [0.50, 0.50, 0.80]])
    found = spread_within(scores)
    assert found.value == pytest.approx(math.sqrt(scores.var(axis=1, ddof=1).mean()))
    assert found.low < found.value < found.high
    assert not spread_within(np.full((2, 3), 0.5)).has_interval


def test_points_that_repeat_each_other_say_no_more_than_one():
    scores = np.array([0.60, 0.70, 0.65])
    alone, repeated = spread(scores), spread_within(np.stack([scores, scores + 0.1, scores]))
    assert (repeated.value, repeated.low, repeated.high) == pytest.approx((alone.value, alone.low, alone.high))


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_spread_within_holds_the_deviation_whatever_seeds_share(coverage, num_seeds, shared):
    """Conservative where points are independent, since few seeds cannot show that they are."""
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((2000, 1, num_seeds)), rng.standard_normal((2000, 4, num_seeds))
    scores = 0.7 + 0.03 * (math.sqrt(shared) * parts[0] + math.sqrt(1 - shared) * parts[1])
    assert 94 <= coverage([spread_within(one) for one in scores], 0.03) <= 99.9
