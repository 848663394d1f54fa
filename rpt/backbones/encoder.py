"""Encoder backbones (the BERT family): one bidirectional pass over `[CLS] prompt text`."""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone


class EncoderBackbone(FrozenBackbone):
    """A frozen encoder. Right padding, absolute positions counted from the first slot, prompt slots included."""

    @property
    def has_segments(self) -> bool:
        """Whether the model tells the second text of a pair from the first by segment embeddings, as BERT does."""
        return int(getattr(self.model.config, "type_vocab_size", 0) or 0) > 1

    def forward(
        self,
        embeds: Float[Tensor, "texts width hidden"],
        mask: Int64[Tensor, "texts width"],
        segments: Int64[Tensor, "texts width"] | None = None,
    ) -> Float[Tensor, "texts width states"]:
        """Run the model on input embeddings.

        Args:
            embeds: Prompt and text, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and text, 0 at padding.
            segments: 1 in the second text of a pair, else 0; None for 0 everywhere. A model without segment embeddings
                ignores them.

        Returns:
            The last layer's hidden states, as wide as `state_size`, in the backbone's dtype.
        """
        more = {"token_type_ids": segments} if self.has_segments else {}
        hidden = self.model(inputs_embeds=embeds, attention_mask=mask, **more).last_hidden_state
        assert isinstance(hidden, Tensor)
        return hidden
