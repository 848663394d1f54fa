"""Encoder backbones (the BERT family): one bidirectional pass over `[CLS] prompt text`."""

from __future__ import annotations

from jaxtyping import Float, Int64
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone


class EncoderBackbone(FrozenBackbone):
    """A frozen encoder. Right padding, absolute positions counted from the first slot, prompt slots included."""

    def forward(
        self, embeds: Float[Tensor, "texts width hidden"], mask: Int64[Tensor, "texts width"]
    ) -> Float[Tensor, "texts width states"]:
        """Run the model on input embeddings.

        Args:
            embeds: Prompt and text, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and text, 0 at padding.

        Returns:
            The last layer's hidden states, as wide as `state_size`, in the backbone's dtype.
        """
        hidden = self.model(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        assert isinstance(hidden, Tensor)
        return hidden
