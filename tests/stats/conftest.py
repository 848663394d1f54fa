"""Studies made of a known truth, for measuring how often an interval holds it."""

import numpy as np
import pytest
from scipy.special import expit

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
EXAMPLES_SD, POINT_SD = 1.5, 0.8  # of the logit: how hard an example is everywhere, and more or less so at one point


def _logits(scores, spread):
    """Logits whose expected probability, over a normal effect of such a spread, is each of the scores."""
    logits = np.zeros(len(scores))
    for _ in range(100):
        probability = expit(logits[:, None] + spread[:, None] * NODES) @ WEIGHTS / WEIGHTS.sum()
        logits += 6 * (scores - probability)
    assert np.allclose(probability, scores, atol=1e-6)
    return logits


@pytest.fixture(scope="session")
def make_studies():
    """Draw studies `[studies, points, seeds, examples]` of answers that are right (1) or wrong.

    Every example is as hard for all points and seeds, a bit harder or easier at one point, and every run has its own
    deviation. `scores` are what new seeds score on new examples; `seeds_sd` is a run's deviation, in logits.
    """

    def make(count, scores, num_seeds, num_units, seeds_sd=0.25, examples_sd=EXAMPLES_SD):
        rng = np.random.default_rng(num_seeds * 1000 + num_units)
        deviation = np.broadcast_to(np.asarray(seeds_sd, float), len(scores))
        spread = np.sqrt(deviation**2 + examples_sd**2 + POINT_SD**2)
        logits = (
            _logits(np.asarray(scores), spread)[:, None, None]
            + examples_sd * rng.standard_normal((count, 1, 1, num_units))
            + POINT_SD * rng.standard_normal((count, len(scores), 1, num_units))
            + deviation[:, None, None] * rng.standard_normal((count, len(scores), num_seeds, 1))
        )
        return (rng.random(logits.shape) < expit(logits)).astype(float)

    return make


@pytest.fixture(scope="session")
def coverage():
    """The share of estimates, in per cent, whose interval holds the truth."""

    def share(estimates, truth):
        return 100 * np.mean([one.low - 1e-9 <= truth <= one.high + 1e-9 for one in estimates])

    return share
