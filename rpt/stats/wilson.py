"""Wilson's interval of a share (1927), for any effective number of observations."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Array = Float[np.ndarray, "..."]


def wilson(share: Array | float, count: Array | float, quantile: float) -> tuple[Array, Array]:
    """Return both ends of the interval: the true shares that are within `quantile` standard errors of `share`.

    Args:
        share: Observed share, 0 to 1.
        count: Number of independent observations whose share would have the same variance; need not be whole.
        quantile: Two-sided quantile of the standardised share, such as 1.96 for a normal share and 95 %.
    """
    extra = quantile**2 / np.asarray(count)
    centre = (share + extra / 2) / (1 + extra)
    half = np.sqrt(extra * share * (1 - share) + extra**2 / 4) / (1 + extra)
    low, high = np.minimum(share, centre - half), np.maximum(share, centre + half)  # rounding could exclude `share`
    return np.asarray(np.maximum(0.0, low)), np.asarray(np.minimum(1.0, high))
