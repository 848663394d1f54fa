"""Split a frozen backbone before a layer: states of texts below the layer are constants, which are computed once.

A prompt that enters before layer k does not change the states of the text below layer k. These states depend on the
text and on the backbone alone. They are computed once for each text, without gradients, and kept in memory and on disk
for all epochs and all runs of a pack. A training step then computes only the layers from k on.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.layers import above, below
from rpt.backbones.lines import TextLine, Written
from rpt.backbones.open_cache import open_disk_cache


class Split:
    """A frozen backbone that is split before a layer.

    Args:
        backbone: Backbone. Both parts share its weights.
        layer: Number of the layer before which prompts enter, from 1 to the number of layers - 1.
        max_bytes: Largest number of bytes of states that are kept in memory; None (default) means the limit in the
            backbone's `cache_options`.

    Attributes:
        layer: Number of the layer before which prompts enter.
        above: Backbone with the layers from `layer` on, which takes states in place of embeddings.
        width: Width of the states, which is the width of a prompt.
        cache: Cache of the states of texts.
        sample: States of a sample of the vocabulary, from `rpt.prompt.layer_source.sample_vocabulary`; None before they
            are computed.
    """

    def __init__(self, backbone: FrozenBackbone, layer: int, max_bytes: int | None = None) -> None:
        self.layer = layer
        self.above: FrozenBackbone = backbone.with_model(above(backbone.model, layer))
        self.width: int = backbone.state_size
        self._below: FrozenBackbone = backbone.with_model(below(backbone.model, layer))
        self._empty = backbone.embedding.new_zeros(0, self.width)
        self.cache: BoundedCache[TextLine] = BoundedCache(
            backbone.cache_options.max_bytes if max_bytes is None else max_bytes,
            open_disk_cache(backbone, f"hidden states before layer {layer}"),
        )
        self.sample: object | None = None

    @property
    def bytes_of_token(self) -> int:
        """Number of bytes that the states of a token take."""
        return self.width * self._empty.element_size()

    def read(self, lines: Sequence[TextLine], width: int) -> tuple[Float[Tensor, "texts width hidden"], Written | None]:
        """Return the states before the layer: of texts, and of the answers that a decoder scores behind the texts.

        The second value is None if no text has answers.

        Each text is computed in a forward pass of its own, so that its states have the same bits in every batch.

        Args:
            lines: Texts of a forward pass.
            width: Number of tokens to which the states are padded on the right with zeros.
        """
        states = [self.cache.of(line, partial(self._states, line)) for line in lines]
        texts = [state[: len(line.ids)] for state, line in zip(states, lines, strict=True)]
        padded = pad_sequence(texts, batch_first=True)
        padded = functional.pad(padded, (0, 0, 0, width - padded.shape[1]))
        if not any(line.answers for line in lines):
            return padded, None
        behind = [state[len(line.ids) :] for state, line in zip(states, lines, strict=True)]
        return padded, Written(pad_sequence(behind, batch_first=True))

    def read_tokens(self, ids: Int64[Tensor, " tokens"], longest: int | None = None) -> Float[Tensor, "tokens hidden"]:
        """Read tokens as one text, and return the state of each token before the layer.

        The tokenizer's special tokens are added to the text. Their states are left out of the result. If the tokenizer
        of a decoder adds no token in front, the text begins with the end-of-text token, because in many decoders the
        hidden state of a text's first token has a few huge values.

        Args:
            ids: Token ids.
            longest: Largest number of tokens of a text; more tokens are read as several texts. None means as many as
                the backbone has positions.
        """
        front, behind = self._below.text_edges
        positions = self._below.num_positions
        limits = [longest, None if positions is None else positions - len(front) - len(behind), max(1, len(ids))]
        size = min(limit for limit in limits if limit is not None)
        texts = [part.tolist() for part in ids.split(size)]
        lines = [TextLine((*front, *text, *behind), (0,) * (len(front) + len(text) + len(behind))) for text in texts]
        parts = [self._states(line)[len(front) :][: len(text)] for line, text in zip(lines, texts, strict=True)]
        return torch.cat([self._empty, *parts])

    @torch.no_grad()
    def _states(self, line: TextLine) -> Float[Tensor, "tokens hidden"]:
        states: Tensor = self._below.states(line)
        return states


def split_before(backbone: FrozenBackbone, layer: int) -> Split:
    """Split a backbone before a layer. Repeated calls return the same object, with the states in its cache.

    Args:
        backbone: Backbone, on the device that it stays on.
        layer: Number of the layer, from 1 to the backbone's number of layers - 1.
    """
    split = backbone.splits.get(layer)
    if split is None:
        split = backbone.splits[layer] = Split(backbone, layer)
    assert isinstance(split, Split)
    return split
