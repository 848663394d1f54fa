"""Standard deviations and shares of failed runs agree with formulas, statsmodels and simulations."""

import math

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.spread import share, spread, spread_within


def test_spread_is_the_sample_deviation_with_the_chi_square_interval():
    scores = np.array([0.60, 0.70, 0.65])
    interval = spread(scores)
    assert interval.value == pytest.approx(0.05)
    # Two degrees of freedom: chi-square is exponential with mean 2, so its quantiles are -2 log(1 - p).
    ends = [0.05 * math.sqrt(2 / (-2 * math.log(1 - p))) for p in (0.975, 0.025)]
    assert (interval.low, interval.high) == (pytest.approx(ends[0]), pytest.approx(ends[1]))
    assert not spread(scores[:1]).has_interval


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_the_interval_of_the_spread_contains_the_deviation_of_normal_scores(coverage, num_seeds):
    scores = np.random.default_rng(0).normal(0.7, 0.03, (2000, num_seeds))
    assert 94 <= coverage([spread(values) for values in scores], 0.03) <= 96


def test_the_share_of_failed_runs_has_wilsons_interval():
    interval = share(3, 20)
    assert (interval.low, interval.high) == pytest.approx(proportion_confint(3, 20, method="wilson"))
    assert (interval.value, interval.seeds) == (0.15, 20)
    assert share(0, 12).low == pytest.approx(0, abs=1e-12)
    assert share(0, 12).high > 0.2


def test_the_spread_within_points_is_pooled():
    scores = np.array([[0.60, 0.70, 0.65], [0.50, 0.50, 0.80]])
    interval = spread_within(scores)
    assert interval.value == pytest.approx(math.sqrt(scores.var(axis=1, ddof=1).mean()))
    assert interval.low < interval.value < interval.high
    assert not spread_within(np.full((2, 3), 0.5)).has_interval


def test_points_with_the_same_deviations_have_the_interval_of_a_single_point():
    scores = np.array([0.60, 0.70, 0.65])
    alone, repeated = spread(scores), spread_within(np.stack([scores, scores + 0.1, scores]))
    assert (repeated.value, repeated.low, repeated.high) == pytest.approx((alone.value, alone.low, alone.high))


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_the_interval_within_points_contains_the_deviation_for_any_shared_variance(coverage, num_seeds, shared):
    """The interval is too wide where points are independent, because few seeds cannot show the independence."""
    rng = np.random.default_rng(0)
    parts = rng.standard_normal((2000, 1, num_seeds)), rng.standard_normal((2000, 4, num_seeds))
    scores = 0.7 + 0.03 * (math.sqrt(shared) * parts[0] + math.sqrt(1 - shared) * parts[1])
    assert 94 <= coverage([spread_within(values) for values in scores], 0.03) <= 99.9
