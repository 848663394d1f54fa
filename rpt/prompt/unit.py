"""Unit of a soft prompt: the scale s between the numbers that are trained and the numbers that the backbone reads.

A learning rate, the update of an encoder and the start of a prompt are numbers in the scale of the backbone's
vocabulary. The paper's numbers belong to T5, whose vocabulary has a root mean square (rms) of about 11.6; MiniLM's has
0.056. With the unit `vocab` every backbone is trained in T5's numbers, `P' = s (P + phi(P))`, and s is the rms of the
backbone's vocabulary divided by T5's. With the unit `raw` s is 1.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rpt.errors import ConfigError

T5_RMS = 11.64
"""Root mean square of T5's vocabulary: the embeddings of google/t5-v1_1-small have the standard deviation 11.64.

Source: GitHub huggingface/transformers, pull request 26441.
"""

ROWS = 4096
"""Number of vocabulary rows whose squares are summed at a time. A float64 copy of the whole table would be large."""


def vocabulary_rms(embedding: Float[Tensor, "vocab hidden"]) -> float:
    """Compute the root mean square of all entries of the vocabulary, in float64.

    Args:
        embedding: The backbone's input embeddings, in any float dtype and on any device.

    Examples:
        >>> import torch
        >>> vocabulary_rms(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        2.5
    """
    squares = [part.detach().double().square().sum() for part in embedding.split(ROWS)]
    return math.sqrt(float(torch.stack(squares).sum()) / embedding.numel())


def prompt_scale(
    unit: Literal["raw", "vocab"], embedding: Float[Tensor, "vocab hidden"], stated: float | None = None
) -> float:
    """Return the scale s of a prompt, by which the encoder's output is multiplied.

    Args:
        unit: `raw`, or `vocab` for T5's numbers on every backbone.
        embedding: The backbone's input embeddings.
        stated: Scale that the option of the backbone states: 1 for the paper's models. None means that the vocabulary
            decides.

    Raises:
        ConfigError: The unit is `vocab`, and the vocabulary is all zero or holds numbers that are not finite.

    Examples:
        >>> import torch
        >>> prompt_scale("vocab", torch.ones(2, 2)) * T5_RMS, prompt_scale("raw", torch.ones(2, 2))
        (1.0, 1.0)
    """
    if unit == "raw":
        return 1.0
    if stated is not None:
        return stated
    rms = vocabulary_rms(embedding)
    if not math.isfinite(rms) or rms == 0:
        state = "all zero" if rms == 0 else "not all finite"
        advice = f"needs a vocabulary with a scale, and the backbone's input embeddings are {state}. "
        raise ConfigError.of("prompt.unit", unit, f"{advice}Set prompt.unit=raw, or choose another backbone.")
    return rms / T5_RMS
