"""Put the prompts of the runs into the texts of a forward pass: in front, behind `[CLS]`, or behind the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from rpt.backbones.causal import CausalBackbone
from rpt.backbones.frozen import FrozenBackbone
from rpt.data.rows import Rows
from rpt.prompt.insert import Inserted, insert


def place_prompts(
    backbone: FrozenBackbone, rows: Rows, prompts: Sequence[Float[Tensor, "_ hidden"]], prompt_at: int | None
) -> Inserted:
    """Embed the texts of rows, and insert into each text the prompt of its run.

    Args:
        backbone: Backbone whose embeddings the texts get.
        rows: Rows of a forward pass.
        prompts: Encoded prompt of each run.
        prompt_at: Position in the text at which the prompt is inserted; None inserts it behind the text of a decoder.
    """
    if prompt_at is None:
        assert isinstance(backbone, CausalBackbone)
        return _behind_texts(backbone, rows, prompts)
    embeds = backbone.embed(rows.ids)
    inserted = insert(prompts, rows.run_of_text, embeds, rows.mask, prompt_at, rows.segments)
    return inserted if rows.width is None else inserted.padded(rows.width)


def _behind_texts(backbone: CausalBackbone, rows: Rows, prompts: Sequence[Float[Tensor, "_ hidden"]]) -> Inserted:
    """Put each prompt behind the last token of its text. The decoder's cache holds all tokens before the last token."""
    last = rows.ids.gather(1, rows.mask.sum(dim=1, keepdim=True) - 1)  # [texts, 1]
    inserted = insert(prompts, rows.run_of_text, backbone.embed(last), torch.ones_like(last), 1)
    context = backbone.read(rows.ids, rows.mask)
    if context is not None and rows.width is not None:
        context = context.padded(rows.width - inserted.embeds.shape[1])
    return replace(inserted, context=context)
