"""The interval of a score: known cases, and its coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from rpt.report.read.units import unit_scores
from rpt.stats.estimate import Estimate
from rpt.stats.mean import average_of, mean


def test_if_all_answers_are_right_the_interval_is_wilsons():
    found = mean(np.ones((3, 56)))
    assert (found.value, found.high, found.seeds) == (1.0, 1.0, 3)
    assert found.low == pytest.approx(proportion_confint(56, 56, method="wilson")[0])


def test_rounding_errors_of_the_jackknife_do_not_count_as_variation():
    assert mean(np.ones((3, 56)) - 1e-16 * np.arange(56)).low == pytest.approx(mean(np.ones((3, 56))).low)
    assert mean(np.full((3, 56), 0.2)).low == pytest.approx(proportion_confint(0.2 * 56, 56, method="wilson")[0])


def test_the_interval_of_equal_runs_is_wilsons_for_their_examples():
    """Runs with equal answers count as one run. The t quantile with 399 degrees of freedom changes the fourth digit."""
    right = np.arange(400) < 280
    found = mean(np.repeat(right[None].astype(float), 3, axis=0))
    low, high = proportion_confint(280, 400, method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


def test_the_interval_near_one_half_is_the_t_interval_over_seeds():
    scores = np.array([0.49, 0.50, 0.51])
    found = mean(np.repeat(scores[:, None], 50, axis=1))
    low, high = stats.t.interval(0.95, 2, scores.mean(), stats.sem(scores))
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_one_seed_has_a_score_and_no_interval():
    found = mean(np.array([[1.0, 0.0, 1.0]]))
    assert found.value == pytest.approx(2 / 3)
    assert not found.has_interval


def test_a_higher_level_is_wider(make_studies):
    (units,) = make_studies(1, [0.7], 3, 56)[0]
    narrow, wide = mean(units, 0.8), mean(units, 0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    assert (narrow.level, wide.level) == (0.8, 0.99)


@given(npst.arrays(float, st.tuples(st.integers(3, 4), st.integers(1, 6)), elements=st.sampled_from([0.0, 0.3, 1.0])))
def test_an_interval_contains_its_value_and_stays_between_0_and_1(units):
    found = mean(units)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert found.low < found.high or math.isclose(found.low, found.high)


@pytest.mark.parametrize(("num_seeds", "num_units"), [(3, 56), (5, 256), (10, 56)])
def test_intervals_cover_the_score_of_new_seeds_and_examples(make_studies, coverage, num_seeds, num_units):
    studies = make_studies(600, [0.8], num_seeds, num_units)
    assert 92 <= coverage([mean(units) for (units,) in studies], 0.8) <= 98


def test_the_error_of_an_average_is_the_root_of_the_sum_of_squares():
    found = average_of([Estimate(0.5, 0.47, 0.53, 3), Estimate(0.7, 0.66, 0.72, 5)])
    assert (found.value, found.seeds) == (pytest.approx(0.6), 3)
    assert (found.value - found.low, found.high - found.value) == (
        pytest.approx(0.05 / 2),
        pytest.approx(math.sqrt(0.0009 + 0.0004) / 2),
    )
    assert not average_of([found, Estimate(0.5, math.nan, math.nan, 1)]).has_interval


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_intervals_of_averages_over_tasks_cover_the_average_score(make_studies, coverage, num_seeds):
    # Expected score by the number of examples. The numbers differ, because they seed the draws.
    scores = {56: 0.6, 80: 0.7, 100: 0.8, 200: 0.9}
    drawn = [make_studies(600, [score], num_seeds, count)[:, 0] for count, score in scores.items()]
    found = [average_of([mean(units) for units in tasks]) for tasks in zip(*drawn, strict=True)]
    assert 92 <= coverage(found, 0.75) <= 99.5


@pytest.mark.slow
@pytest.mark.parametrize("score", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(("seeds_sd", "examples_sd"), [(0.4, 0.0), (0.0, 2.0), (0.4, 2.0), (1.0, 2.0)])
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize("num_units", [56, 256])
def test_coverage_of_scores(make_studies, coverage, score, seeds_sd, examples_sd, num_seeds, num_units):
    studies = make_studies(1000, [score], num_seeds, num_units, seeds_sd, examples_sd)
    # The limits are 92 and 98, with room for the sampling error of 1,000 studies.
    assert 91.5 <= coverage([mean(units) for (units,) in studies], score) <= 99


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_coverage_of_cb_scores(coverage, num_seeds):
    """The score is the mean of accuracy and macro F1 on 56 rows with the class shares of CB.

    The mean of all studies serves as the true value.
    """
    rng, found = np.random.default_rng(0), []
    for _ in range(400):
        target = rng.choice(3, 56, p=[0.41, 0.5, 0.09])
        hardness = 1.5 * rng.standard_normal(56)
        logit = 1.5 + 0.4 * rng.standard_normal((num_seeds, 1)) - hardness
        right = rng.random((num_seeds, 56)) < 1 / (1 + np.exp(-logit))
        chosen = np.where(right, target, (target + rng.integers(1, 3, right.shape)) % 3)
        runs = [
            [
                {
                    "predicted": "",
                    "target": "",
                    "right": bool(choice == right),
                    "choice": choice,
                    "target_choice": right,
                }
                for choice, right in zip(run.tolist(), target.tolist(), strict=True)
            ]
            for run in chosen
        ]
        found.append(mean(np.stack([unit_scores(lines, ["accuracy", "f1_macro"]) for lines in runs])))
    assert 92 <= coverage(found, np.mean([estimate.value for estimate in found])) <= 98
