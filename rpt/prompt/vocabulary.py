"""Vectors of the vocabulary's tokens where a prompt enters: embeddings, states before a layer, or keys and values."""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.split import split_before
from rpt.prompt.layer_source import sample_vocabulary
from rpt.prompt.prefix_source import sample_key_values


def rms_of_vocabulary(backbone: FrozenBackbone, layer: int, enters_every_layer: bool) -> float:
    """Compute the root mean square of the vocabulary's numbers where a prompt enters.

    Args:
        backbone: Backbone that the prompt is for.
        layer: Number of the layer before which the prompt enters; 0 for a prompt among the input embeddings.
        enters_every_layer: Whether the prompt consists of keys and values of every layer. `layer` then has no effect.
    """
    if enters_every_layer:
        return sample_key_values(backbone).rms
    if layer == 0:
        return backbone.vocabulary_rms
    return sample_vocabulary(split_before(backbone, layer)).rms


def vocabulary_at(
    backbone: FrozenBackbone, layer: int, enters_every_layer: bool
) -> tuple[Float[Tensor, "tokens hidden"], Int64[Tensor, " tokens"] | None]:
    """Return the vocabulary's vectors where a prompt enters, and the ids of their tokens.

    Args:
        backbone: Backbone that the prompt is for.
        layer: Number of the layer before which the prompt enters. For layer 0, the result is the table of input
            embeddings, and None for the ids of its rows.
        enters_every_layer: Whether the prompt consists of keys and values of every layer. `layer` then has no effect.
    """
    if not enters_every_layer and layer == 0:
        return backbone.embedding, None
    sample = sample_key_values(backbone) if enters_every_layer else sample_vocabulary(split_before(backbone, layer))
    return sample.states, sample.ids
