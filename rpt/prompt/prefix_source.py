"""Input of an initialisation for a prefix: keys and values of tokens in place of their embeddings.

A prefix consists of keys and values of every layer (`rpt.prompt.prefix`). Their numbers differ from the numbers of a
backbone's embeddings. A prefix therefore starts from keys and values that the frozen backbone computes for tokens,
which are read as one text with the special tokens of the tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone
from rpt.prompt.init import InitSource
from rpt.prompt.layer_source import Sample, draw_sample
from rpt.prompt.stored import PREFIX_METHODS, read_prompt


@dataclass(frozen=True)
class PrefixSource(InitSource):
    """The inputs of an initialisation for a prefix.

    Attributes:
        backbone: Backbone that the prefix is for.
    """

    backbone: FrozenBackbone = field(kw_only=True)

    @property
    def hidden(self) -> int:
        """Number of keys and values of one token in all layers."""
        return prod(self.backbone.key_value_shape)

    def stored(self, path: str) -> Tensor:
        """Read the array of a trained prefix, without a check of its shape. See `InitSource.stored`."""
        return read_prompt(path, PREFIX_METHODS, self.backbone.key_value_shape[0])

    def rows(self, ids: Int64[Tensor, " tokens"]) -> Float32[Tensor, "tokens hidden"]:
        """Return the keys and values of tokens that are read as one text, in the prompt's unit, float32 on the CPU."""
        return key_values_of_tokens(self.backbone, ids).float().cpu() / self.scale


def key_values_of_tokens(
    backbone: FrozenBackbone, ids: Int64[Tensor, " tokens"], longest: int | None = None
) -> Float[Tensor, "tokens hidden"]:
    """Read tokens as one text, and return the keys and values of each token in every layer.

    The tokenizer's special tokens are added to the text. Their keys and values are left out of the result.

    Args:
        backbone: Frozen backbone.
        ids: Token ids.
        longest: Largest number of tokens of a text; more tokens are read as several texts. None means as many as the
            backbone has positions.
    """
    front, behind = backbone.key_value_edges
    positions = backbone.num_positions
    limits = [longest, None if positions is None else positions - len(front) - len(behind), max(1, len(ids))]
    parts = [backbone.embedding.new_zeros(0, prod(backbone.key_value_shape))]
    for text in ids.split(min(limit for limit in limits if limit is not None)):
        whole = torch.tensor([*front, *text.tolist(), *behind], device=backbone.device)
        states = backbone.key_values(whole).permute(3, 0, 1, 2, 4)  # [tokens, layers, 2, heads, size]
        parts.append(states.flatten(1)[len(front) :][: len(text)])
    return torch.cat(parts)


def sample_key_values(backbone: FrozenBackbone) -> Sample:
    """Return the keys and values of random frequent tokens, which stand for the vocabulary.

    The tokens are the same for all runs of a backbone, whatever their seeds. The sample is computed once for a
    backbone, which keeps it.
    """
    if backbone.key_value_sample is None:
        backbone.key_value_sample = draw_sample(
            backbone.tokenizer, lambda ids, longest: key_values_of_tokens(backbone, ids, longest)
        )
    assert isinstance(backbone.key_value_sample, Sample)
    return backbone.key_value_sample
