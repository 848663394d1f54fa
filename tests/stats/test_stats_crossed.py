"""Means over crossed seeds and examples against scipy and statsmodels."""

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
    """As statsmodels wants them: one line a cell."""
    seed, unit = np.indices(units.shape)
    return pd.DataFrame({"value": units.ravel(), "seed": seed.ravel(), "unit": unit.ravel()})


def test_the_error_is_that_of_the_mean_squares():
    units = cells()
    table = anova_lm(ols("value ~ C(seed) + C(unit)", columns(units)).fit())
    of_seeds, of_units, of_rest = table["mean_sq"].to_numpy()
    total = of_seeds + max(0, of_units - of_rest)
    found = crossed_mean(units)
    assert found.value == pytest.approx(units.mean())
    assert found.error == pytest.approx(np.sqrt(total / units.size), rel=1e-9)
    share = of_seeds / total
    assert 1 / found.df == pytest.approx(share / 3 + (1 - share) / 8, rel=1e-9)


def test_the_error_is_that_of_a_mixed_model():
    """REML is the analysis of variance where all is balanced and no variance is estimated at 0."""
    units = cells()
    effects = {"seed": "0 + C(seed)", "unit": "0 + C(unit)"}
    table = columns(units)
    model = MixedLM.from_formula("value ~ 1", table, groups=np.zeros(units.size), vc_formula=effects)
    assert crossed_mean(units).error == pytest.approx(model.fit(reml=True).bse["Intercept"], rel=1e-3)


def test_where_seeds_alone_differ_it_is_the_t_test_over_seeds():
    scores = np.array([0.61, 0.70, 0.66])
    found, theirs = crossed_mean(np.repeat(scores[:, None], 20, axis=1)), stats.ttest_1samp(scores, 0)
    ends = theirs.confidence_interval(0.95)
    assert found.p() == pytest.approx(theirs.pvalue, rel=1e-6)
    assert found.half_width(0.05) == pytest.approx((ends.high - ends.low) / 2, rel=1e-6)


def test_where_examples_alone_differ_it_is_the_t_test_over_examples():
    row = np.random.default_rng(1).random(30)
    found, theirs = crossed_mean(np.repeat(row[None], 3, axis=0)), stats.ttest_1samp(row, 0)
    assert found.df == pytest.approx(29)
    assert found.error == pytest.approx(row.std(ddof=1) / np.sqrt(30), rel=1e-6)
    assert found.p() == pytest.approx(theirs.pvalue, rel=1e-6)


def test_many_at_once_are_each_alone():
    units = np.stack([cells(), cells(seeds_sd=0.0), cells(units_sd=0.0)])
    together, alone = crossed_mean(units), [crossed_mean(one) for one in units]
    for name in ("value", "error", "df"):
        assert getattr(together, name) == pytest.approx([float(getattr(one, name)) for one in alone])


def test_one_seed_says_nothing_of_others():
    found = crossed_mean(cells(num_seeds=1))
    assert np.isfinite(found.value)
    assert np.isnan(found.error)
    assert np.isnan(found.p())
    assert np.isnan(found.half_width(0.05))


def test_nothing_that_varies_around_0_is_no_finding():
    assert crossed_mean(np.zeros((3, 8))).p() == 1
    assert crossed_mean(np.full((3, 8), 0.2)).p() == 0
