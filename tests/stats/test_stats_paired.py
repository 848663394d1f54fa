"""Paired comparisons against scipy and statsmodels, and how often they see a difference where there is none."""

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


def test_seeds_are_tested_by_mcnemars_exact_test(make_studies):
    ours, theirs = pair(make_studies)
    found = compare(ours, theirs)
    assert len(found.per_seed) == 3
    for p, one, other in zip(found.per_seed, ours, theirs, strict=True):
        table = [[np.sum((one == a) & (other == b)) for b in (0, 1)] for a in (0, 1)]
        assert p == pytest.approx(mcnemar(table, exact=True).pvalue)


def test_seeds_with_scores_between_0_and_1_are_tested_by_randomisation():
    rng = np.random.default_rng(0)
    ours, theirs = rng.random((2, 12)) + 0.25, rng.random((2, 12))
    for p, one, other in zip(compare(ours, theirs).per_seed, ours, theirs, strict=True):
        exact = stats.permutation_test(
            (one, other), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
        )
        assert p == pytest.approx(exact.pvalue, abs=0.015)


def test_the_difference_is_that_of_the_means_and_turns_with_the_sides(make_studies):
    ours, theirs = pair(make_studies)
    found, turned = compare(ours, theirs), compare(theirs, ours)
    assert found.difference.value == pytest.approx(ours.mean() - theirs.mean())
    assert (found.difference.low, found.p) == (pytest.approx(-turned.difference.high), pytest.approx(turned.p))


@pytest.mark.parametrize("scores", [(0.70, 0.71), (0.70, 0.75), (0.70, 0.80), (0.6, 0.9)])
def test_p_is_below_5_percent_where_the_interval_leaves_out_0(make_studies, scores):
    found = compare(*pair(make_studies, scores=scores))
    assert (found.p < 0.05) == (found.difference.low > 0 or found.difference.high < 0)


def test_one_difference_among_many_has_the_degrees_of_freedom_of_the_seeds(make_studies):
    found = compare(*pair(make_studies))
    units = np.subtract(*pair(make_studies))
    parts = variances(units)
    error = math.sqrt(max(parts.seeds, parts.least) / 3 + parts.examples / 80)
    assert found.p_of_many == pytest.approx(2 * stats.t.sf(abs(found.difference.value) / error, 2))
    assert found.p_of_many >= found.p


def test_equal_differences_of_all_seeds_are_not_taken_for_certain():
    """Each of 3 seeds is right on two rows more, each time on others: chance may do that."""
    ours, theirs = np.zeros((3, 56)), np.zeros((3, 56))
    for seed in range(3):
        ours[seed, 2 * seed : 2 * seed + 2] = 1
    found = compare(ours, theirs)
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
    """The same runs again tell nothing new of the examples: the error stays, where pooled rows would shrink it."""
    ours, theirs = pair(make_studies, num_seeds=1)
    few, many = (compare(np.repeat(ours, n, axis=0), np.repeat(theirs, n, axis=0)).difference for n in (3, 20))
    assert few.high - few.low == pytest.approx(many.high - many.low, rel=1e-9)


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_below_three_seeds_there_is_a_difference_and_no_p(make_studies, num_seeds):
    found = compare(*pair(make_studies, num_seeds=num_seeds))
    assert math.isnan(found.p)
    assert not found.difference.has_interval
    assert len(found.per_seed) == num_seeds


def test_runs_that_answer_alike_leave_open_what_so_many_examples_do():
    found = compare(np.ones((3, 56)), np.ones((3, 56)))
    assert (found.difference.value, found.p, found.per_seed) == (0.0, 1.0, (1.0, 1.0, 1.0))
    assert found.difference.high == -found.difference.low == pytest.approx(0.064, abs=1e-3)
    assert compare(np.full((2, 5), 0.4), np.full((2, 5), 0.4)).per_seed == (1.0, 1.0)


@pytest.mark.parametrize("ps", [[0.3], [0.04, 0.001], [0.02] * 5, np.random.default_rng(0).random(8) ** 3])
def test_holm_is_statsmodels(ps):
    assert holm(list(ps)) == pytest.approx(multipletests(ps, method="holm")[1].tolist())


def test_holm_by_hand_and_a_task_without_a_p_does_not_count():
    assert holm([0.01, math.nan, 0.04, 0.03]) == pytest.approx([0.03, math.nan, 0.06, 0.06], nan_ok=True)
    assert holm([]) == []


@pytest.mark.parametrize("num_seeds", [3, 5])
def test_where_there_is_no_difference_one_study_in_twenty_sees_one(make_studies, num_seeds):
    studies = make_studies(1000, [0.75, 0.75], num_seeds, 100, seeds_sd=0.5)
    rejected = np.mean([compare(ours, theirs).p < 0.05 for ours, theirs in studies])
    assert 0.03 <= rejected <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize(("num_units", "seeds_sd", "score"), [(56, 1.0, 0.7), (256, 0.2, 0.7), (256, 0.5, 0.9)])
def test_null_studies(make_studies, num_seeds, num_units, seeds_sd, score):
    studies = make_studies(1000, [score, score], num_seeds, num_units, seeds_sd)
    rejected = np.mean([compare(ours, theirs).p < 0.05 for ours, theirs in studies])
    assert 0.03 <= rejected <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_coverage_of_differences(make_studies, coverage, num_seeds):
    studies = make_studies(1000, [0.85, 0.70], num_seeds, 256, seeds_sd=0.4)
    assert 92 <= coverage([compare(*study).difference for study in studies], 0.15) <= 98
