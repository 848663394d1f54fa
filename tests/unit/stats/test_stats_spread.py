"""Spread, failed runs and seeds needed against tables, statsmodels and simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.power import seeds_needed
from rpt.stats.spread import share, spread


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


@pytest.mark.parametrize("deviation", [0.004, 0.01, 0.02, 0.05])
def test_seeds_needed_is_the_least_number_with_the_power(deviation):
    differences = 0.03 + deviation * np.array([-1.0, 0.0, 1.0])
    found = seeds_needed(differences)
    powers = [TTestPower().power(0.01 / deviation, count, 0.05) for count in (found, found - 1) if count > 1]
    assert powers[0] >= 0.8
    assert found == 2 or powers[1] < 0.8


def test_seeds_needed_is_statsmodels():
    exact = TTestPower().solve_power(0.01 / 0.03, power=0.8, alpha=0.05)
    assert seeds_needed(0.03 * np.array([-1.0, 0.0, 1.0])) == math.ceil(exact)


@pytest.mark.parametrize("times", np.geomspace(0.1, 1000, 60))
def test_seeds_needed_falls_with_the_effect(times):
    """Over all sizes: scipy's power is no number at some of them."""
    differences = 0.01 * np.array([-1.0, 0.0, 1.0])
    fewer, more = (seeds_needed(differences, effect=0.01 * effect) for effect in (1.1 * times, times))
    assert 2 <= fewer <= more


def test_seeds_needed_show_the_difference_four_times_in_five():
    differences = 0.02 * np.array([-1.0, 0.0, 1.0])
    count = seeds_needed(differences, effect=0.02)
    drawn = np.random.default_rng(0).normal(0.02, 0.02, (20_000, count))
    assert 0.79 <= np.mean(stats.ttest_1samp(drawn, 0, axis=1).pvalue < 0.05) <= 0.87


def test_seeds_needed_where_the_data_cannot_say():
    assert seeds_needed(np.array([0.1])) is None
    assert seeds_needed(np.array([0.1, 0.1, 0.1])) == 2
    assert seeds_needed(np.array([-1.0, 1.0]), effect=1e-4) is None
