"""The interquartile mean is compared with scipy, and the coverage of its interval is measured."""

import numpy as np
import pytest
from scipy.stats import trim_mean

from rpt.stats.interquartile import interquartile_mean
from rpt.stats.mean import mean


def test_the_value_is_the_trimmed_mean_of_all_runs(make_studies):
    (first,), (second,) = make_studies(1, [0.4, 0.7], 5, 56), make_studies(1, [0.6] * 3, 3, 80)
    assert interquartile_mean([first]).value == pytest.approx(trim_mean(first.mean(axis=2).ravel(), 0.25))
    flat = np.concatenate([first.mean(axis=2).ravel(), second.mean(axis=2).ravel()])
    assert interquartile_mean([first, second]).value == pytest.approx(trim_mean(flat, 0.25))


def test_if_no_run_is_left_out_it_equals_the_mean_with_its_interval(make_studies):
    ((units,),) = make_studies(1, [0.7], 3, 56)
    assert interquartile_mean([units[None]]) == mean(units)


def test_a_failed_run_does_not_change_the_value(make_studies):
    (units,) = make_studies(1, [0.6] * 4, 5, 56)
    worse = units.copy()
    lowest = np.unravel_index(units.mean(axis=2).argmin(), units.shape[:2])
    worse[lowest] = 0
    assert interquartile_mean([worse]).value == pytest.approx(interquartile_mean([units]).value)


def test_below_three_seeds_there_is_no_interval(make_studies):
    (units,) = make_studies(1, [0.6, 0.7], 2, 56)
    assert not interquartile_mean([units]).has_interval


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
@pytest.mark.parametrize(
    ("scores", "seeds_sd"), [([0.6] * 5, 0.25), ([0.4, 0.55, 0.7, 0.7, 0.7], 0.25), ([0.36, 0.6, 0.7, 0.7, 0.36], 1.0)]
)
def test_coverage_of_a_sweep(make_studies, coverage, num_seeds, scores, seeds_sd):
    truth = np.mean([interquartile_mean([units]).value for units in make_studies(300, scores, 60, 56, seeds_sd)])
    studies = make_studies(600, scores, num_seeds, 56, seeds_sd)
    assert 91.5 <= coverage([interquartile_mean([units]) for units in studies], truth) <= 99


@pytest.mark.slow
@pytest.mark.parametrize("num_seeds", [3, 5, 10])
def test_coverage_over_tasks(make_studies, coverage, num_seeds):
    tasks = (([0.6] * 5, 56), ([0.4, 0.55, 0.7, 0.7, 0.7], 80), ([0.75] * 5, 120))
    many = [make_studies(200, scores, 60, count) for scores, count in tasks]
    truth = np.mean([interquartile_mean(list(units)).value for units in zip(*many, strict=True)])
    drawn = [make_studies(500, scores, num_seeds, count) for scores, count in tasks]
    assert 91.5 <= coverage([interquartile_mean(list(units)) for units in zip(*drawn, strict=True)], truth) <= 99.5
