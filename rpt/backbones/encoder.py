"""Encoder backbones (the BERT family), which read `[CLS] prompt text` in one bidirectional forward pass."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from transformers import DynamicCache

from rpt.backbones.files import FIRST_POSITION
from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.lines import TextLine, Written
from rpt.backbones.masks import additive
from rpt.backbones.text_cache import Context, States, states_of


class EncoderBackbone(FrozenBackbone):
    """A frozen encoder. Inputs are padded on the right. Positions count from the first slot, prompt slots included.

    Given keys and values (`encoder=prefix`) take the first positions, as in P-tuning v2 (arXiv 2110.07602).
    """

    @property
    def has_segments(self) -> bool:
        """Whether the model has segment embeddings, as BERT has, which mark the second text of a pair."""
        return int(getattr(self.model.config, "type_vocab_size", 0) or 0) > 1

    def forward(
        self,
        embeds: Float[Tensor, "texts width hidden"],
        mask: Int64[Tensor, "texts width"],
        segments: Int64[Tensor, "texts width"] | None = None,
        context: Context | Written | None = None,
    ) -> Float[Tensor, "texts width states"]:
        """Run the model on input embeddings.

        Args:
            embeds: Embeddings of prompt and text, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and text, 0 at padding.
            segments: Segment id of each slot: 1 in the second text of a pair, otherwise 0. None means 0 everywhere. A
                model without segment embeddings ignores segments.
            context: Keys and values that every slot of a text attends to, in every layer; None without any.

        Returns:
            Hidden states of the last layer, of width `state_size`, in the backbone's dtype.
        """
        more = {"token_type_ids": segments} if self.has_segments else {}
        assert not isinstance(context, Written)  # texts of an encoder have no answers
        given = {"attention_mask": mask} if context is None else self._behind(context, mask, embeds.dtype)
        hidden = self.model(inputs_embeds=embeds, **given, **more).last_hidden_state
        assert isinstance(hidden, Tensor)
        return hidden

    def states(self, line: TextLine) -> Float[Tensor, "tokens hidden"]:
        """Compute the states of a text after the last layer. `line` has no answers."""
        ids, segments = (torch.tensor([row], device=self.device) for row in (line.ids, line.segments))
        hidden: Tensor = self(self.embed(ids), torch.ones_like(ids), segments)[0]
        return hidden

    @torch.no_grad()
    def key_values(self, ids: Int64[Tensor, " tokens"]) -> States:
        """Compute the keys and values of a text in every layer."""
        cache = DynamicCache()
        self.model(
            inputs_embeds=self.embed(ids[None]), attention_mask=torch.ones_like(ids[None]), past_key_values=cache
        )
        return states_of(cache)

    def _behind(self, context: Context, mask: Int64[Tensor, "texts width"], dtype: torch.dtype) -> dict[str, Any]:
        """Return arguments that let every slot attend to given keys and values, whose positions precede the slots."""
        config, width = self.model.config, mask.shape[1]
        first = config.pad_token_id + 1 if config.model_type in FIRST_POSITION else 0
        slots = torch.arange(width, device=mask.device) + context.mask.sum(dim=1, keepdim=True)  # [texts, width]
        seen = torch.cat([context.mask, mask], dim=1).bool()[:, None].expand(-1, width, -1)
        return {
            "attention_mask": additive(seen, dtype),
            "position_ids": first + slots * mask,  # the table of positions may be too short for padding
            "past_key_values": context.as_cache(),
        }
