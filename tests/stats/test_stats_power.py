"""Seeds needed against statsmodels where examples do not matter, and by simulation where they do."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from rpt.stats.crossed import Variances, crossed_mean
from rpt.stats.power import seeds_for, seeds_needed


def alike(*differences, num_units=20):
    """Units of seeds that differ alike on every example."""
    return np.repeat(np.array(differences)[:, None], num_units, axis=1)


def draw(rng, count, num_seeds, num_units, seeds_sd, examples_sd, rest_sd, effect=0.0):
    """Differences `[count, seeds, units]` of the crossed model."""
    return (
        effect
        + seeds_sd * rng.standard_normal((count, num_seeds, 1))
        + examples_sd * rng.standard_normal((count, 1, num_units))
        + rest_sd * rng.standard_normal((count, num_seeds, num_units))
    )


def variances_of(num_units, seeds_sd, examples_sd, rest_sd):
    """The truth behind `draw`."""
    return Variances(
        np.array(seeds_sd**2 + rest_sd**2 / num_units), np.array(examples_sd**2), np.array(rest_sd**2 / num_units)
    )


@pytest.mark.parametrize("deviation", [0.004, 0.01, 0.02, 0.05])
def test_where_examples_do_not_matter_it_is_the_least_number_with_the_power(deviation):
    found = seeds_needed(alike(0.03 - deviation, 0.03, 0.03 + deviation))
    powers = [TTestPower().power(0.01 / deviation, count, 0.05) for count in (found, found - 1) if count > 1]
    assert powers[0] >= 0.8
    assert found == 2 or powers[1] < 0.8


def test_where_examples_do_not_matter_it_is_statsmodels():
    exact = TTestPower().solve_power(0.01 / 0.03, power=0.8, alpha=0.05)
    assert seeds_needed(alike(-0.03, 0.0, 0.03)) == math.ceil(exact)


@pytest.mark.parametrize("times", np.geomspace(0.1, 1000, 60))
def test_it_falls_with_the_effect(times):
    """Over all sizes: scipy's power is no number at some of them."""
    fewer, more = (seeds_needed(alike(-0.01, 0.0, 0.01), effect=0.01 * effect) for effect in (1.1 * times, times))
    assert 2 <= fewer <= more


def test_it_rises_with_what_the_examples_vary_until_no_number_will_do():
    numbers = [seeds_for(variances_of(100, 0.02, sd, 0.0), 100, 0.01, 0.8) for sd in (0.0, 0.01, 0.02, 0.03, 0.05, 0.3)]
    assert numbers == sorted(numbers)
    assert numbers[0] == math.ceil(TTestPower().solve_power(0.5, power=0.8, alpha=0.05))
    # An error of 0.05 / sqrt(100) alone leaves one point at two of its errors, and a power of 0.8 wants 2.8.
    assert [math.isfinite(number) for number in numbers] == [True, True, True, True, False, False]


def test_more_examples_make_possible_what_no_number_of_seeds_does():
    few, many = (seeds_for(variances_of(count, 0.01, 0.1, 0.1), count, 0.01, 0.8) for count in (56, 5600))
    assert few == math.inf
    assert many < 100


def test_where_the_data_cannot_say():
    assert seeds_needed(alike(0.1)) is None
    assert seeds_needed(alike(0.1, 0.2)) is None
    assert seeds_needed(alike(0.1, 0.1, 0.1)) is None
    assert seeds_needed(alike(-1.0, 0.0, 1.0), effect=1e-4) == math.inf


SETTINGS = [(56, 0.02, 0.0, 0.1), (277, 0.02, 0.05, 0.2), (277, 0.005, 0.03, 0.3), (100, 0.04, 0.03, 0.05)]
"""Examples, and the standard deviations of seeds, examples and the rest."""


@pytest.mark.slow
@pytest.mark.parametrize(("num_units", "seeds_sd", "examples_sd", "rest_sd"), SETTINGS)
def test_so_many_seeds_show_the_difference_four_times_in_five(num_units, seeds_sd, examples_sd, rest_sd):
    """By the very test of a report, on new seeds and new examples."""
    number = seeds_for(variances_of(num_units, seeds_sd, examples_sd, rest_sd), num_units, 0.02, 0.8)
    rng = np.random.default_rng(0)
    shown = []
    for _ in range(20):
        found = crossed_mean(draw(rng, 100, number, num_units, seeds_sd, examples_sd, rest_sd, effect=0.02))
        shown += ((found.p() < 0.05) & (found.value > 0)).tolist()
    assert 0.74 <= np.mean(shown) <= 0.87, number


@pytest.mark.slow
def test_where_no_number_will_do_even_many_seeds_seldom_show_it():
    assert seeds_for(variances_of(56, 0.02, 0.1, 0.1), 56, 0.02, 0.8) == math.inf
    found = crossed_mean(draw(np.random.default_rng(0), 400, 100, 56, 0.02, 0.1, 0.1, effect=0.02))
    assert np.mean((found.p() < 0.05) & (found.value > 0)) < 0.7


@pytest.mark.slow
@pytest.mark.parametrize(("num_units", "seeds_sd", "examples_sd", "rest_sd"), SETTINGS)
def test_ten_seeds_give_the_size_of_the_number(num_units, seeds_sd, examples_sd, rest_sd):
    known = seeds_for(variances_of(num_units, seeds_sd, examples_sd, rest_sd), num_units, 0.02, 0.8)
    drawn = draw(np.random.default_rng(0), 200, 10, num_units, seeds_sd, examples_sd, rest_sd)
    assert known / 2 <= np.median([seeds_needed(one, effect=0.02) for one in drawn]) <= known * 2
