"""The number of seeds needed is compared with statsmodels without variation of examples, and with simulations."""

import math

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from rpt.stats.crossed import Variances, crossed_mean
from rpt.stats.power import seeds_for, seeds_needed


def equal_on_all_examples(*differences, num_units=20):
    """Return differences of seeds that are equal on all examples."""
    return np.repeat(np.array(differences)[:, None], num_units, axis=1)


def draw(rng, count, num_seeds, num_units, seeds_sd, examples_sd, rest_sd, effect=0.0):
    """Draw differences `[count, seeds, units]` from the crossed model."""
    return (
        effect
        + seeds_sd * rng.standard_normal((count, num_seeds, 1))
        + examples_sd * rng.standard_normal((count, 1, num_units))
        + rest_sd * rng.standard_normal((count, num_seeds, num_units))
    )


def variances_of(num_units, seeds_sd, examples_sd, rest_sd):
    """Return the true variances of `draw`."""
    return Variances(
        np.array(seeds_sd**2 + rest_sd**2 / num_units), np.array(examples_sd**2), np.array(rest_sd**2 / num_units)
    )


@pytest.mark.parametrize("deviation", [0.004, 0.01, 0.02, 0.05])
def test_without_variation_of_examples_it_is_the_smallest_number_with_the_power(deviation):
    found = seeds_needed(equal_on_all_examples(0.03 - deviation, 0.03, 0.03 + deviation))
    powers = [TTestPower().power(0.01 / deviation, count, 0.05) for count in (found, found - 1) if count > 1]
    assert powers[0] >= 0.8
    assert found == 2 or powers[1] < 0.8


def test_without_variation_of_examples_it_equals_that_of_statsmodels():
    exact = TTestPower().solve_power(0.01 / 0.03, power=0.8, alpha=0.05)
    assert seeds_needed(equal_on_all_examples(-0.03, 0.0, 0.03)) == math.ceil(exact)


@pytest.mark.parametrize("factor", np.geomspace(0.1, 1000, 60))
def test_the_number_decreases_with_the_effect(factor):
    """The effects cover a large range, because the power of scipy is not a number for some of them."""
    fewer, more = (
        seeds_needed(equal_on_all_examples(-0.01, 0.0, 0.01), effect=0.01 * effect) for effect in (1.1 * factor, factor)
    )
    assert 2 <= fewer <= more


def test_the_number_increases_with_the_variation_of_examples_up_to_infinity():
    numbers = [seeds_for(variances_of(100, 0.02, sd, 0.0), 100, 0.01, 0.8) for sd in (0.0, 0.01, 0.02, 0.03, 0.05, 0.3)]
    assert numbers == sorted(numbers)
    assert numbers[0] == math.ceil(TTestPower().solve_power(0.5, power=0.8, alpha=0.05))
    # With a standard deviation of 0.05 over 100 examples, one point is two standard errors. A power of 0.8 needs 2.8.
    assert [math.isfinite(number) for number in numbers] == [True, True, True, True, False, False]


def test_more_examples_suffice_if_no_number_of_seeds_does():
    few, many = (seeds_for(variances_of(count, 0.01, 0.1, 0.1), count, 0.01, 0.8) for count in (56, 5600))
    assert few == math.inf
    assert many < 100


def test_without_a_variance_there_is_no_number_and_for_a_tiny_effect_it_is_infinite():
    assert seeds_needed(equal_on_all_examples(0.1)) is None
    assert seeds_needed(equal_on_all_examples(0.1, 0.2)) is None
    assert seeds_needed(equal_on_all_examples(0.1, 0.1, 0.1)) is None
    assert seeds_needed(equal_on_all_examples(-1.0, 0.0, 1.0), effect=1e-4) == math.inf


def test_the_search_reaches_its_largest_number():
    """About 78,000 seeds are needed, which lies between 2**16 and the largest number that is searched."""
    exact = TTestPower().solve_power(0.01, power=0.8, alpha=0.05)
    assert seeds_needed(equal_on_all_examples(-1.0, 0.0, 1.0)) == pytest.approx(exact, abs=1)


SETTINGS = [(56, 0.02, 0.0, 0.1), (277, 0.02, 0.05, 0.2), (277, 0.005, 0.03, 0.3), (100, 0.04, 0.03, 0.05)]
"""Number of examples, and the standard deviations of seeds, examples and the rest."""


@pytest.mark.slow
@pytest.mark.parametrize(("num_units", "seeds_sd", "examples_sd", "rest_sd"), SETTINGS)
def test_the_number_of_seeds_gives_a_power_of_80_percent(num_units, seeds_sd, examples_sd, rest_sd):
    """The power is measured with the test of a report, on new seeds and new examples."""
    number = seeds_for(variances_of(num_units, seeds_sd, examples_sd, rest_sd), num_units, 0.02, 0.8)
    rng = np.random.default_rng(0)
    detected = []
    for _ in range(20):
        found = crossed_mean(draw(rng, 100, number, num_units, seeds_sd, examples_sd, rest_sd, effect=0.02))
        detected += ((found.p() < 0.05) & (found.value > 0)).tolist()
    assert 0.74 <= np.mean(detected) <= 0.87, number


@pytest.mark.slow
def test_if_no_number_suffices_a_hundred_seeds_have_a_low_power():
    assert seeds_for(variances_of(56, 0.02, 0.1, 0.1), 56, 0.02, 0.8) == math.inf
    found = crossed_mean(draw(np.random.default_rng(0), 400, 100, 56, 0.02, 0.1, 0.1, effect=0.02))
    assert np.mean((found.p() < 0.05) & (found.value > 0)) < 0.7


@pytest.mark.slow
@pytest.mark.parametrize(("num_units", "seeds_sd", "examples_sd", "rest_sd"), SETTINGS)
def test_an_estimate_from_ten_seeds_is_within_a_factor_of_two(num_units, seeds_sd, examples_sd, rest_sd):
    known = seeds_for(variances_of(num_units, seeds_sd, examples_sd, rest_sd), num_units, 0.02, 0.8)
    drawn = draw(np.random.default_rng(0), 200, 10, num_units, seeds_sd, examples_sd, rest_sd)
    assert known / 2 <= np.median([seeds_needed(study, effect=0.02) for study in drawn]) <= known * 2
