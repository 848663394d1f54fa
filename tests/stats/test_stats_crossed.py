"""Means over crossed seeds and examples are compared with scipy and statsmodels."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.regression.mixed_linear_model import MixedLM
from statsmodels.stats.anova import anova_lm

from rpt.stats.crossed import crossed_mean


def cells(num_seeds=4, num_units=9, seeds_sd=0.5, units_sd=0.8):
    rng = np.random.default_rng(0)
    seeds, units = rng.standard_normal((num_seeds, 1)), rng.standard_normal((1, num_units))
    return 0.3 + seeds_sd * seeds + units_sd * units + 0.4 * rng.standard_normal((num_seeds, num_units))


def columns(units):
    """Return a data frame for statsmodels with one row for each cell."""
    seed, unit = np.indices(units.shape)
    return pd.DataFrame({"value": units.ravel(), "seed": seed.ravel(), "unit": unit.ravel()})


def test_the_standard_error_follows_from_the_mean_squares_of_statsmodels():
    units = cells()
    table = anova_lm(ols("value ~ C(seed) + C(unit)", columns(units)).fit())
    of_seeds, of_units, of_rest = table["mean_sq"].to_numpy()
    total = of_seeds + max(0, of_units - of_rest)
    found = crossed_mean(units)
    assert found.value == pytest.approx(units.mean())
    assert found.error == pytest.approx(np.sqrt(total / units.size), rel=1e-9)
    share = of_seeds / total
    assert 1 / found.df == pytest.approx(share / 3 + (1 - share) / 8, rel=1e-9)


def test_the_standard_error_equals_that_of_a_mixed_model():
    """REML equals the analysis of variance if the design is balanced and no estimated variance is 0."""
    units = cells()
    effects = {"seed": "0 + C(seed)", "unit": "0 + C(unit)"}
    table = columns(units)
    model = MixedLM.from_formula("value ~ 1", table, groups=np.zeros(units.size), vc_formula=effects)
    assert crossed_mean(units).error == pytest.approx(model.fit(reml=True).bse["Intercept"], rel=1e-3)


def test_if_only_seeds_differ_it_equals_the_t_test_over_seeds():
    scores = np.array([0.61, 0.70, 0.66])
    found, expected = crossed_mean(np.repeat(scores[:, None], 20, axis=1)), stats.ttest_1samp(scores, 0)
    ends = expected.confidence_interval(0.95)
    assert found.p() == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.half_width(0.05) == pytest.approx((ends.high - ends.low) / 2, rel=1e-6)


def test_if_only_examples_differ_it_equals_the_t_test_over_examples():
    row = np.random.default_rng(1).random(30)
    found, expected = crossed_mean(np.repeat(row[None], 3, axis=0)), stats.ttest_1samp(row, 0)
    assert found.df == pytest.approx(29)
    assert found.error == pytest.approx(row.std(ddof=1) / np.sqrt(30), rel=1e-6)
    assert found.p() == pytest.approx(expected.pvalue, rel=1e-6)


def test_a_stack_of_studies_gives_the_result_of_each_study():
    units = np.stack([cells(), cells(seeds_sd=0.0), cells(units_sd=0.0)])
    stacked, alone = crossed_mean(units), [crossed_mean(study) for study in units]
    for name in ("value", "error", "df"):
        assert getattr(stacked, name) == pytest.approx([float(getattr(mean, name)) for mean in alone])


def test_one_seed_has_a_mean_without_an_error():
    found = crossed_mean(cells(num_seeds=1))
    assert np.isfinite(found.value)
    assert np.isnan(found.error)
    assert np.isnan(found.p())
    assert np.isnan(found.half_width(0.05))


def test_cells_without_variation_have_a_p_value_of_1_at_0_and_of_0_elsewhere():
    assert crossed_mean(np.zeros((3, 8))).p() == 1
    assert crossed_mean(np.full((3, 8), 0.2)).p() == 0
