"""Unit of a soft prompt: the scale s between the numbers that are trained and the numbers that the backbone reads.

A learning rate, the update of an encoder and the start of a prompt are numbers in the scale of the backbone's
vocabulary. The paper's numbers belong to T5, whose vocabulary has a root mean square (rms) of about 11.6; MiniLM's has
0.056. With the unit `vocab` every backbone is trained in T5's numbers, `P' = s (P + phi(P))`, and s is the rms of the
backbone's vocabulary divided by T5's. With the unit `raw` s is 1.
"""

from __future__ import annotations

import math
from typing import Literal

from rpt.errors import ConfigError

T5_RMS = 11.64
"""Root mean square of T5's vocabulary: the embeddings of google/t5-v1_1-small have the standard deviation 11.64.

Source: GitHub huggingface/transformers, pull request 26441.
"""


def prompt_scale(unit: Literal["raw", "vocab"], vocabulary_rms: float, stated: float | None = None) -> float:
    """Return the scale s of a prompt, by which the encoder's output is multiplied.

    Args:
        unit: `raw`, or `vocab` for T5's numbers on every backbone.
        vocabulary_rms: Root mean square of the backbone's input embeddings.
        stated: Scale that the option of the backbone states: 1 for the paper's models. None means that the vocabulary
            decides.

    Raises:
        ConfigError: The unit is `vocab`, and the vocabulary is all zero or holds numbers that are not finite.

    Examples:
        >>> prompt_scale("vocab", 11.64), prompt_scale("raw", 0.056)
        (1.0, 1.0)
    """
    if unit == "raw":
        return 1.0
    if stated is not None:
        return stated
    if not math.isfinite(vocabulary_rms) or vocabulary_rms == 0:
        state = "all zero" if vocabulary_rms == 0 else "not all finite"
        advice = f"needs a vocabulary with a scale, and the backbone's input embeddings are {state}. "
        raise ConfigError.of("prompt.unit", unit, f"{advice}Set prompt.unit=raw, or choose another backbone.")
    return vocabulary_rms / T5_RMS
