"""Unit of a soft prompt: the scale s between the numbers that are trained and the numbers that the backbone reads.

A good learning rate, encoder update or initialisation depends on the size of the backbone's input embeddings. The
paper's settings were chosen for T5, whose embeddings have a root mean square (rms) of about 11.6. MiniLM's have 0.056.
With the unit `vocab` the prompt of every backbone is trained in numbers of the size of T5's, and the backbone reads
`P' = s (P + phi(P))`. P is the table, phi(P) is the encoder's update, and s is the rms of the backbone's embeddings
divided by 11.64. With the unit `raw` s is 1.
"""

from __future__ import annotations

import math
from typing import Literal

from rpt.errors import ConfigError

T5_RMS = 11.64
"""Root mean square of T5's input embeddings: the embeddings of google/t5-v1_1-small have the standard deviation 11.64.

Source: GitHub huggingface/transformers, pull request 26441.
"""


def prompt_scale(
    unit: Literal["raw", "vocab"], vocabulary_rms: float, stated: float | None = None, layer: int = 0
) -> float:
    """Return the scale s of a prompt, by which the encoder's output is multiplied.

    Args:
        unit: `raw` for the numbers that the backbone reads, or `vocab` for numbers of the size of T5's embeddings.
        vocabulary_rms: Root mean square of the backbone's input embeddings, or of the vocabulary's states before the
            layer.
        stated: Scale in the backbone's configuration, such as 1 for the paper's models. None computes the scale from
            `vocabulary_rms`.
        layer: Number of the layer before which the prompt enters; 0 for a prompt among the input embeddings.

    Raises:
        ConfigError: The unit is `vocab`, and the embeddings or states are all zero or hold numbers that are not finite.

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
        numbers = f"states before layer {layer}" if layer else "input embeddings"
        advice = f"needs a root mean square of the vocabulary, but the backbone's {numbers} are {state}. "
        raise ConfigError.of("prompt.unit", unit, f"{advice}Set prompt.unit=raw, or choose another backbone.")
    return vocabulary_rms / T5_RMS
