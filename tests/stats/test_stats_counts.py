"""Means and differences of counts over seeds are compared with scipy, and their intervals allow for rounding."""

import math

import numpy as np
import pytest
from scipy import stats

from rpt.stats.counts import compare_counts, mean_count

FIRST, SECOND = np.array([3.0, 9.0, 5.0, 4.0]), np.array([8.0, 10.0, 12.0, 7.0])


def test_a_mean_has_the_interval_of_the_t_test():
    found = mean_count(SECOND)
    ends = stats.ttest_1samp(SECOND, 0).confidence_interval(0.95)
    assert (found.value, found.seeds) == (SECOND.mean(), 4)
    assert (found.low, found.high) == (pytest.approx(ends.low), pytest.approx(ends.high))


def test_a_mean_of_counts_is_not_below_0():
    assert mean_count(np.array([1.0, 1.0, 9.0])).low == 0


def test_a_difference_has_interval_and_p_value_of_the_paired_t_test():
    found, expected = compare_counts(FIRST, SECOND), stats.ttest_rel(FIRST, SECOND)
    ends = expected.confidence_interval(0.95)
    assert found.difference.value == pytest.approx((FIRST - SECOND).mean())
    assert (found.difference.low, found.difference.high) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert found.p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("num_seeds", [3, 10])
def test_the_interval_of_equal_counts_allows_for_rounding_to_whole_numbers(num_seeds):
    counts = np.full(num_seeds, 6.0)
    alone, paired = mean_count(counts), compare_counts(counts, counts)
    quantile = stats.t.isf(0.025, num_seeds - 1)
    assert alone.high - alone.value == pytest.approx(quantile * math.sqrt(1 / 12 / num_seeds))
    assert paired.difference.high == pytest.approx(quantile * math.sqrt(1 / 6 / num_seeds))
    assert paired.p == 1


def test_one_seed_has_a_count_and_no_interval():
    alone, paired = mean_count(FIRST[:1]), compare_counts(FIRST[:1], SECOND[:1])
    assert (alone.value, paired.difference.value) == (3, -5)
    assert not alone.has_interval
    assert not paired.difference.has_interval
    assert math.isnan(paired.p)


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_the_false_positive_rate_is_5_percent(num_seeds):
    drawn = np.ceil(np.random.default_rng(0).normal(12, 3, (2000, 2, num_seeds)))
    assert 0.03 <= np.mean([compare_counts(*pair).p < 0.05 for pair in drawn]) <= 0.07


@pytest.mark.parametrize("deviation", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_intervals_cover_the_difference_of_mean_counts(coverage, num_seeds, deviation):
    """With the smallest deviation, seeds differ by less than one, so that most counts are equal."""
    rng = np.random.default_rng(0)
    times = np.array([6.0, 4.0])[:, None] + rng.uniform(0, 1, (1000, 2, 1))
    drawn = np.ceil(times + deviation * rng.standard_normal((1000, 2, num_seeds)))
    # The expected count of a time is the sum of the probabilities that the time is above 0, 1, 2, ...
    known = sum(stats.norm.sf(whole, times, deviation) for whole in range(30)).squeeze()
    studies = zip(drawn, known[:, 0] - known[:, 1], strict=True)
    assert np.mean([coverage([compare_counts(*pair).difference], truth) for pair, truth in studies]) >= 92
