"""Input of an initialisation for a prompt that enters before a later layer: hidden states in place of embeddings.

The numbers of a backbone's states before layer k differ from the numbers of its embeddings, often by orders of
magnitude. A prompt that enters there therefore starts from states before layer k. The tokens that an initialisation
draws are read as one text with the special tokens of the tokenizer (`rpt.backbones.split.Split.read_tokens`). Their
states then have a context, like the states of the words of a text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from rpt.backbones.frozen import root_mean_square
from rpt.backbones.split import Split
from rpt.prompt.init import InitSource, frequent_token_ids

SAMPLE, FREQUENT, LONGEST = 1024, 5000, 64
"""Numbers of tokens: in a sample, among the frequent tokens that it is drawn from, and in each text of the sample."""


@dataclass(frozen=True)
class LayerSource(InitSource):
    """The inputs of an initialisation for a prompt before a later layer.

    Attributes:
        split: Backbone, split before the layer at which the prompt enters.
    """

    split: Split = field(kw_only=True)

    @property
    def hidden(self) -> int:
        """Width of the hidden states before the layer."""
        return self.split.width

    def rows(self, ids: Int64[Tensor, " tokens"]) -> Float32[Tensor, "tokens hidden"]:
        """Return the states of tokens that are read as one text, in the prompt's unit, float32 on the CPU."""
        return self.split.read_tokens(ids).float().cpu() / self.scale


@dataclass(frozen=True)
class Sample:
    """Frequent tokens of a vocabulary, and their states where a prompt enters.

    Attributes:
        ids: Ids of the tokens, in the order of the texts in which they were read.
        states: States of the tokens before a layer, or their keys and values of every layer, in the dtype and on the
            device of the backbone.
        rms: Root mean square of all entries of `states`.
    """

    ids: Int64[Tensor, " tokens"]
    states: Float[Tensor, "tokens hidden"]
    rms: float


def sample_vocabulary(split: Split) -> Sample:
    """Read random frequent tokens of the vocabulary in short texts, and return their states before the layer.

    The tokens are the same for all runs of a backbone, whatever their seeds. Their states stand for the vocabulary,
    because a model has a table of embeddings but no table of later states. `split` keeps the sample.

    Args:
        split: Backbone, split before the layer.
    """
    if split.sample is None:
        split.sample = draw_sample(split.above.tokenizer, split.read_tokens)
    assert isinstance(split.sample, Sample)
    return split.sample


def draw_sample(tokenizer: Any, read: Callable[[Int64[Tensor, " tokens"], int | None], Tensor]) -> Sample:
    """Read random frequent tokens in short texts.

    Args:
        tokenizer: Tokenizer of the backbone.
        read: Function that returns the states [tokens, hidden] of tokens that are read in texts of a largest length.
    """
    frequent = torch.tensor(frequent_token_ids(tokenizer, FREQUENT), dtype=torch.int64)
    order = torch.randperm(len(frequent), generator=torch.Generator().manual_seed(0))
    ids = frequent[order[:SAMPLE]]
    states = read(ids, LONGEST)
    return Sample(ids, states, root_mean_square(states) if len(ids) else 0.0)
