"""Encoder backbones (the BERT family), which read `[CLS] prompt text` in one bidirectional forward pass."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.lines import TextLine


class EncoderBackbone(FrozenBackbone):
    """A frozen encoder. Inputs are padded on the right. Positions count from the first slot, prompt slots included."""

    @property
    def has_segments(self) -> bool:
        """Whether the model has segment embeddings, as BERT has, which mark the second text of a pair."""
        return int(getattr(self.model.config, "type_vocab_size", 0) or 0) > 1

    def forward(
        self,
        embeds: Float[Tensor, "texts width hidden"],
        mask: Int64[Tensor, "texts width"],
        segments: Int64[Tensor, "texts width"] | None = None,
    ) -> Float[Tensor, "texts width states"]:
        """Run the model on input embeddings.

        Args:
            embeds: Embeddings of prompt and text, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and text, 0 at padding.
            segments: Segment id of each slot: 1 in the second text of a pair, otherwise 0. None means 0 everywhere. A
                model without segment embeddings ignores segments.

        Returns:
            Hidden states of the last layer, of width `state_size`, in the backbone's dtype.
        """
        more = {"token_type_ids": segments} if self.has_segments else {}
        hidden = self.model(inputs_embeds=embeds, attention_mask=mask, **more).last_hidden_state
        assert isinstance(hidden, Tensor)
        return hidden

    def states(self, line: TextLine) -> Float[Tensor, "tokens hidden"]:
        """Compute the states of a text after the last layer. `line` has no answers."""
        ids, segments = (torch.tensor([row], device=self.device) for row in (line.ids, line.segments))
        hidden: Tensor = self(self.embed(ids), torch.ones_like(ids), segments)[0]
        return hidden
