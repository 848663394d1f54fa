"""Performance profiles and probabilities of improvement, against counting by hand and another bootstrap."""

import numpy as np
import pytest
from scipy.stats import bootstrap, mannwhitneyu

from rpt.stats.profile import probability_of_improvement, profile

RNG = np.random.default_rng(3)
FIRST, SECOND = RNG.normal(0.6, 0.1, (4, 6)), RNG.normal(0.5, 0.1, (4, 5))


def test_a_profile_is_the_share_of_runs_above_each_threshold():
    profiled = profile(np.array([[0.1, 0.5, 0.5], [0.9, 0.5, 0.3]]), np.array([0.0, 0.3, 0.5, 0.9]))
    assert profiled.share.tolist() == [1, 4 / 6, 1 / 6, 0]
    assert (profiled.low <= profiled.share).all()
    assert (profiled.share <= profiled.high).all()


def test_runs_that_are_all_equal_have_no_band():
    profiled = profile(np.full((2, 3), 0.5), np.array([0.4, 0.6]))
    assert profiled.low.tolist() == profiled.share.tolist() == profiled.high.tolist() == [1, 0]


def test_below_three_seeds_there_are_shares_only():
    profiled = profile(np.array([[0.2, 0.8]]), np.array([0.5]))
    assert profiled.share.tolist() == [0.5]
    assert np.isnan([*profiled.low, *profiled.high]).all()
    assert not probability_of_improvement(np.array([[0.2, 0.8]]), np.array([[0.1]])).has_interval


def test_the_probability_is_the_mean_of_mann_whitneys_statistic_over_points():
    estimate = probability_of_improvement(FIRST, SECOND)
    pairs = zip(FIRST, SECOND, strict=True)
    assert estimate.value == pytest.approx(np.mean([mannwhitneyu(*pair).statistic / (6 * 5) for pair in pairs]))
    assert estimate.seeds == 5
    assert probability_of_improvement(SECOND, FIRST).value == pytest.approx(1 - estimate.value)


def test_equal_scores_count_half():
    assert probability_of_improvement(np.full((2, 3), 0.5), np.full((2, 3), 0.5)).value == 0.5


def test_the_interval_is_that_of_another_bootstrap():
    """With a single point, scipy's percentile bootstrap draws in the same way."""

    def statistic(one, other, axis=-1):
        return np.mean(np.expand_dims(one, -1) > np.expand_dims(other, -2), axis=(-1, -2))

    estimate = probability_of_improvement(FIRST[:1], SECOND[:1])
    drawn = bootstrap((FIRST[0], SECOND[0]), statistic, n_resamples=4000, method="percentile", rng=RNG)
    assert estimate.low == pytest.approx(drawn.confidence_interval.low, abs=0.05)
    assert estimate.high == pytest.approx(drawn.confidence_interval.high, abs=0.05)


def test_the_same_scores_give_the_same_interval():
    assert probability_of_improvement(FIRST, SECOND) == probability_of_improvement(FIRST, SECOND)
