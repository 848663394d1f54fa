"""Simulated studies with known expected scores, to measure the coverage of intervals."""

import numpy as np
import pytest
from scipy.special import expit

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
# Standard deviations of the difficulty of an example, in logits: over all points, and at a single point.
EXAMPLES_SD, POINT_SD = 1.5, 0.8


def _logits(scores, spread):
    """Return logits whose expected probability is each of the scores, if a normal effect is added to the logit.

    Args:
        scores: Expected probabilities.
        spread: Standard deviation of the effect for each score.
    """
    logits = np.zeros(len(scores))
    for _ in range(100):
        probability = expit(logits[:, None] + spread[:, None] * NODES) @ WEIGHTS / WEIGHTS.sum()
        logits += 6 * (scores - probability)
    assert np.allclose(probability, scores, atol=1e-6)
    return logits


@pytest.fixture(scope="session")
def make_studies():
    """Draw studies `[studies, points, seeds, examples]` of answers that are right (1) or wrong (0).

    The difficulty of an example has a part that all points and seeds share and a part of each point. `scores` are the
    expected scores of new seeds on new examples. `seeds_sd` is the standard deviation between runs, in logits.
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
    """Return the percentage of estimates whose interval contains the true value."""

    def share(estimates, truth):
        return 100 * np.mean([estimate.low - 1e-9 <= truth <= estimate.high + 1e-9 for estimate in estimates])

    return share
