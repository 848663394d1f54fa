"""Paired comparisons are compared with scipy and statsmodels, and their false positive rate is measured."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from rpt.stats.crossed import crossed_mean, variances
from rpt.stats.mean import mean
from rpt.stats.paired import compare, compare_with, holm


def pair(make_studies, num_seeds=3, scores=(0.7, 0.8)):
    return make_studies(1, list(scores), num_seeds, 80)[0]


def test_each_seed_is_tested_by_the_exact_test_of_mcnemar(make_studies):
    first, second = pair(make_studies)
    found = compare(first, second)
    assert len(found.per_seed) == 3
    for p, run, other in zip(found.per_seed, first, second, strict=True):
        table = [[np.sum((run == a) & (other == b)) for b in (0, 1)] for a in (0, 1)]
        assert p == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_seeds_with_scores_between_0_and_1_are_tested_by_randomisation():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 12)) + 0.25, rng.random((2, 12))
    for p, run, other in zip(compare(first, second).per_seed, first, second, strict=True):
        exact = stats.permutation_test(
            (run, other), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
        )
        assert p == pytest.approx(exact.pvalue, abs=0.015)


def test_the_difference_is_that_of_the_means_and_changes_sign_in_the_other_order(make_studies):
    first, second = pair(make_studies)
    found, swapped = compare(first, second), compare(second, first)
    assert found.difference.value == pytest.approx(first.mean() - second.mean())
    assert (found.difference.low, found.p) == (pytest.approx(-swapped.difference.high), pytest.approx(swapped.p))


@pytest.mark.parametrize("scores", [(0.70, 0.71), (0.70, 0.75), (0.70, 0.80), (0.6, 0.9)])
def test_p_is_below_5_percent_if_and_only_if_the_interval_excludes_0(make_studies, scores):
    found = compare(*pair(make_studies, scores=scores))
    assert (found.p < 0.05) == (found.difference.low > 0 or found.difference.high < 0)


def test_the_p_value_for_families_has_the_degrees_of_freedom_of_the_seeds(make_studies):
    found = compare(*pair(make_studies))
    units = np.subtract(*pair(make_studies))
    parts = variances(units)
    error = math.sqrt(max(parts.seeds, parts.least) / 3 + parts.examples / 80)
    assert found.p_of_many == pytest.approx(2 * stats.t.sf(abs(found.difference.value) / error, 2))
    assert found.p_of_many >= found.p


def test_equal_differences_of_all_seeds_are_not_significant():
    """Each of 3 seeds is right on two more rows, which differ between seeds. This may happen by chance."""
    first, second = np.zeros((3, 56)), np.zeros((3, 56))
    for seed in range(3):
        first[seed, 2 * seed : 2 * seed + 2] = 1
    found = compare(first, second)
    assert found.difference.low < found.difference.value < found.difference.high
    assert 0.05 < found.p <= found.p_of_many


def test_a_score_is_compared_with_a_known_number(make_studies):
    (units, _) = pair(make_studies)
    found = compare_with(units, 0.5)
    score = mean(units)
    expected = (score.value - 0.5, score.low - 0.5, score.high - 0.5)
    assert (found.difference.value, found.difference.low, found.difference.high) == pytest.approx(expected)
    assert found.p == pytest.approx(float(crossed_mean(units - 0.5).p()))
    assert found.p < 0.05


def test_rows_of_several_seeds_are_not_pooled(make_studies):
    """Copies of the same runs add no information about examples. Pooled rows would give a smaller error."""
    first, second = pair(make_studies, num_seeds=1)
    few, many = (compare(np.repeat(first, n, axis=0), np.repeat(second, n, axis=0)).difference for n in (3, 20))
    assert few.high - few.low == pytest.approx(many.high - many.low, rel=1e-9)


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_below_three_seeds_there_is_a_difference_without_a_p_value(make_studies, num_seeds):
    found = compare(*pair(make_studies, num_seeds=num_seeds))
    assert math.isnan(found.p)
    assert not found.difference.has_interval
    assert len(found.per_seed) == num_seeds


def test_the_interval_of_equal_runs_allows_for_new_examples():
    found = compare(np.ones((3, 56)), np.ones((3, 56)))
    assert (found.difference.value, found.p, found.per_seed) == (0.0, 1.0, (1.0, 1.0, 1.0))
    assert found.difference.high == -found.difference.low == pytest.approx(0.064, abs=1e-3)
    assert compare(np.full((2, 5), 0.4), np.full((2, 5), 0.4)).per_seed == (1.0, 1.0)


@pytest.mark.parametrize("ps", [[0.3], [0.04, 0.001], [0.02] * 5, np.random.default_rng(0).random(8) ** 3])
def test_the_correction_of_holm_equals_that_of_statsmodels(ps):
    assert holm(list(ps)) == pytest.approx(multipletests(ps, method="holm")[1].tolist())


def test_the_correction_of_holm_ignores_missing_p_values():
    assert holm([0.01, math.nan, 0.04, 0.03]) == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)
    assert holm([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5])
def test_the_false_positive_rate_is_5_percent(make_studies, num_seeds):
    studies = make_studies(1000, [0.75, 0.75], num_seeds, 100, seeds_sd=0.5)
    rejected = np.mean([compare(first, second).p < 0.05 for first, second in studies])
    assert 0.03 <= rejected <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize(("num_units", "seeds_sd", "score"), [(56, 1.0, 0.7), (256, 0.2, 0.7), (256, 0.5, 0.9)])
def test_the_false_positive_rate_is_5_percent_in_many_settings(make_studies, num_seeds, num_units, seeds_sd, score):
    studies = make_studies(1000, [score, score], num_seeds, num_units, seeds_sd)
    rejected = np.mean([compare(first, second).p < 0.05 for first, second in studies])
    assert 0.03 <= rejected <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_coverage_of_differences(make_studies, coverage, num_seeds):
    studies = make_studies(1000, [0.85, 0.70], num_seeds, 256, seeds_sd=0.4)
    assert 92 <= coverage([compare(*study).difference for study in studies], 0.15) <= 98
