"""Means and differences of counts over seeds against scipy, and what whole counts leave open."""

import math

import numpy as np
import pytest
from scipy import stats

from rpt.stats.counts import compare_counts, mean_count

OURS, THEIRS = np.array([3.0, 9.0, 5.0, 4.0]), np.array([8.0, 10.0, 12.0, 7.0])


def test_a_mean_has_the_interval_of_the_t_test():
    found = mean_count(THEIRS)
    ends = stats.ttest_1samp(THEIRS, 0).confidence_interval(0.95)
    assert (found.value, found.seeds) == (THEIRS.mean(), 4)
    assert (found.low, found.high) == (pytest.approx(ends.low), pytest.approx(ends.high))


def test_a_mean_of_counts_is_not_below_0():
    assert mean_count(np.array([1.0, 1.0, 9.0])).low == 0


def test_a_difference_is_the_paired_t_test():
    found, theirs = compare_counts(OURS, THEIRS), stats.ttest_rel(OURS, THEIRS)
    ends = theirs.confidence_interval(0.95)
    assert found.difference.value == pytest.approx((OURS - THEIRS).mean())
    assert (found.difference.low, found.difference.high) == (pytest.approx(ends.low), pytest.approx(ends.high))
    assert found.p == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("num_seeds", [3, 10])
def test_equal_counts_are_known_to_within_their_unit(num_seeds):
    counts = np.full(num_seeds, 6.0)
    alone, paired = mean_count(counts), compare_counts(counts, counts)
    quantile = stats.t.isf(0.025, num_seeds - 1)
    assert alone.high - alone.value == pytest.approx(quantile * math.sqrt(1 / 12 / num_seeds))
    assert paired.difference.high == pytest.approx(quantile * math.sqrt(1 / 6 / num_seeds))
    assert paired.p == 1


def test_one_seed_has_a_count_and_no_interval():
    alone, paired = mean_count(OURS[:1]), compare_counts(OURS[:1], THEIRS[:1])
    assert (alone.value, paired.difference.value) == (3, -5)
    assert not alone.has_interval
    assert not paired.difference.has_interval
    assert math.isnan(paired.p)


@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_where_there_is_no_difference_one_study_in_twenty_sees_one(num_seeds):
    drawn = np.ceil(np.random.default_rng(0).normal(12, 3, (2000, 2, num_seeds)))
    assert 0.03 <= np.mean([compare_counts(*both).p < 0.05 for both in drawn]) <= 0.07


@pytest.mark.parametrize("deviation", [0.05, 0.3, 2.0])
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_intervals_hold_the_difference_of_mean_counts(coverage, num_seeds, deviation):
    """Also where seeds differ in less than a unit, so that most counts are equal."""
    rng = np.random.default_rng(0)
    times = np.array([6.0, 4.0])[:, None] + rng.uniform(0, 1, (1000, 2, 1))
    drawn = np.ceil(times + deviation * rng.standard_normal((1000, 2, num_seeds)))
    # A time's expected count is how many whole numbers, from 0 on, it is expected to be above.
    known = sum(stats.norm.sf(whole, times, deviation) for whole in range(30)).squeeze()
    pairs = zip(drawn, known[:, 0] - known[:, 1], strict=True)
    assert np.mean([coverage([compare_counts(*both).difference], truth) for both, truth in pairs]) >= 92
