"""Performance profiles and probabilities of improvement: known cases, and the coverage of their intervals."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm
from statsmodels.stats.proportion import proportion_confint

from rpt.stats.profile import probability_of_improvement, probability_over_tasks, profile

RNG = np.random.default_rng(3)
FIRST, SECOND = RNG.normal(0.6, 0.1, (4, 5)), RNG.normal(0.5, 0.1, (4, 5))


def test_a_profile_is_the_share_of_runs_above_each_threshold():
    profiled = profile(np.array([[0.1, 0.5, 0.5], [0.9, 0.5, 0.3]]), np.array([0.0, 0.3, 0.5, 0.9]))
    assert profiled.share.tolist() == [1, 4 / 6, 1 / 6, 0]
    assert (profiled.low <= profiled.share).all()
    assert (profiled.share <= profiled.high).all()


def test_the_band_is_wilsons_interval_where_the_runs_of_a_point_have_equal_scores():
    profiled = profile(np.array([[0.7] * 3, [0.5] * 3]), np.array([0.4, 0.6, 0.8]))
    assert profiled.share.tolist() == [1, 0.5, 0]
    for index, count in enumerate((6, 3, 0)):
        low, high = proportion_confint(count, 6, method="wilson")
        assert (profiled.low[index], profiled.high[index]) == (pytest.approx(low), pytest.approx(high))


def test_the_band_is_wider_when_all_runs_of_a_seed_fail_than_when_single_runs_fail():
    single = profile(np.array([[0.0, 1, 1, 1, 1], [1, 0, 1, 1, 1]]), np.array([0.5]))
    whole = profile(np.array([[0.0, 1, 1, 1, 1], [0, 1, 1, 1, 1]]), np.array([0.5]))
    assert single.share == whole.share == [0.8]
    assert whole.low < single.low < single.high < whole.high


def test_shares_of_fewer_than_three_seeds_have_no_interval():
    profiled = profile(np.array([[0.2, 0.8]]), np.array([0.5]))
    assert profiled.share.tolist() == [0.5]
    assert np.isnan([*profiled.low, *profiled.high]).all()
    assert not probability_of_improvement(np.array([[0.2, 0.8]]), np.array([[0.1, 0.1]])).has_interval
    assert probability_of_improvement(np.array([[0.2]]), np.array([[0.1]])).value == 1


def test_the_probability_is_the_mean_of_mann_whitneys_statistic_over_points():
    estimate = probability_of_improvement(FIRST, SECOND)
    pairs = zip(FIRST, SECOND, strict=True)
    assert estimate.value == pytest.approx(np.mean([mannwhitneyu(*pair).statistic / 25 for pair in pairs]))
    assert estimate.seeds == 5


def test_swapping_the_methods_mirrors_the_probability_and_its_interval():
    estimate, mirrored = probability_of_improvement(FIRST, SECOND), probability_of_improvement(SECOND, FIRST)
    assert (mirrored.value, mirrored.low, mirrored.high) == pytest.approx(
        (1 - estimate.value, 1 - estimate.high, 1 - estimate.low)
    )


def test_equal_scores_count_half():
    assert probability_of_improvement(np.full((2, 3), 0.5), np.full((2, 3), 0.5)).value == 0.5


def test_the_interval_against_a_method_without_randomness_is_wilsons():
    estimate = probability_of_improvement(np.full((2, 3), 0.5), np.full((2, 1), 0.4))
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(6, 6, method="wilson"))


def test_the_probability_over_tasks_is_their_mean_with_a_narrower_interval():
    tasks = [(FIRST, SECOND), (FIRST[:2], FIRST[2:]), (SECOND, FIRST)]
    single = [probability_of_improvement(*task) for task in tasks]
    pooled = probability_over_tasks(tasks)
    assert pooled.value == pytest.approx(np.mean([estimate.value for estimate in single]))
    assert pooled.high - pooled.low < min(estimate.high - estimate.low for estimate in single)


def draw(studies, num_seeds, means, sd, of_seeds=0.0, failing=0.0):
    """Draw scores `[studies, points, seeds]`. The share `of_seeds` of the variance is common to all points of a seed.

    The share `failing` of the runs has the score of the majority answer. Runs of one seed tend to fail together.
    """

    def effects():
        common, own = (
            RNG.standard_normal((studies, 1, num_seeds)),
            RNG.standard_normal((studies, len(means), num_seeds)),
        )
        return np.sqrt(of_seeds) * common + np.sqrt(1 - of_seeds) * own

    scores = np.array(means)[:, None] + sd * effects()
    return np.where(norm.cdf(effects()) < failing, 0.36, scores)


LEVEL = {"means": [0.57] * 5, "sd": 0.03}
SHARED = {**LEVEL, "of_seeds": 0.3}
SLOPE = {"means": [0.36, 0.46, 0.57, 0.57, 0.58], "sd": 0.03, "of_seeds": 0.15}
FAILING = {**SHARED, "failing": 0.15}
WILD = {"means": [0.45] * 5, "sd": 0.09}
SINGLE = {"means": [0.57], "sd": 0.03}


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize("truth", [LEVEL, SHARED, SLOPE, FAILING, WILD, SINGLE])
def test_bands_contain_the_share_of_new_seeds(num_seeds, truth):
    many = draw(20_000, 10, **truth)
    thresholds = np.unique(np.quantile(many, [0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95])) + 1e-9
    shares = np.array([(many > threshold).mean() for threshold in thresholds])
    held = []
    for scores in draw(500, num_seeds, **truth):
        profiled = profile(scores, thresholds)
        held.append((profiled.low <= shares) & (shares <= profiled.high))
    assert 91 <= 100 * np.mean(held) <= 99.5


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize(
    ("first", "second"),
    [(LEVEL, LEVEL), (SHARED, SHARED), (SHARED, SLOPE), (SHARED, FAILING), (LEVEL, WILD), (SINGLE, SINGLE)],
)
def test_intervals_contain_the_probability_of_new_seeds(num_seeds, first, second):
    """A single point with three seeds has nine pairs. Its interval can only have a coverage of 90 or 100 %."""
    scores, other_scores = draw(20_000, 10, **first)[..., None], draw(20_000, 10, **second)[:, :, None]
    truth = np.mean((scores > other_scores) + 0.5 * (scores == other_scores))
    studies = zip(draw(1000, num_seeds, **first), draw(1000, num_seeds, **second), strict=True)
    estimates = [probability_of_improvement(*study) for study in studies]
    most = 100 if first is SINGLE and num_seeds == 3 else 99
    assert 89 <= 100 * np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]) <= most


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_intervals_contain_the_mean_probability_over_tasks(num_seeds):
    tasks = [(SHARED, SHARED), (SHARED, SLOPE), (LEVEL, WILD)]
    many = [(draw(20_000, 10, **one), draw(20_000, 10, **other)) for one, other in tasks]
    truth = np.mean([(first[..., None] > second[:, :, None]).mean() for first, second in many])
    drawn = [(draw(1000, num_seeds, **one), draw(1000, num_seeds, **other)) for one, other in tasks]
    estimates = [
        probability_over_tasks([(first[index], second[index]) for first, second in drawn]) for index in range(1000)
    ]
    assert 90 <= 100 * np.mean([estimate.low <= truth <= estimate.high for estimate in estimates]) <= 99
