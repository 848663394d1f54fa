"""Interface of language models (encoder-decoder or decoder-only) that scorers use."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from transformers import GenerationConfig

from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.lines import Written
from rpt.backbones.text_cache import Context


class LanguageModel(FrozenBackbone):
    """A frozen language model that reads a source text and computes or generates the text that follows it."""

    def __init__(self, model: Any, tokenizer: Any, checkpoint_fingerprint: str) -> None:
        super().__init__(model, tokenizer, checkpoint_fingerprint)
        # With the model's own generation config, `generate` would use its sampling, penalties and forced tokens.
        model.generation_config = GenerationConfig()

    @property
    def start_id(self) -> int:
        """Token id that the decoder of an encoder-decoder model reads before the first token of an answer."""
        start = getattr(self.model.config, "decoder_start_token_id", None)
        return self.pad_id if start is None else int(start)

    @abstractmethod
    def log_likelihoods(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        ids: Int64[Tensor, "choices written"],
        id_mask: Int64[Tensor, "choices written"],
        row_of: Int64[Tensor, " choices"],
        context: Context | Written | None = None,
    ) -> Float[Tensor, "choices written"]:
        """Compute the log-probability of each token of texts that are written behind sources.

        The model reads each source once, however many texts follow it.

        Args:
            embeds: Embeddings of prompt and source, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and source, 0 at padding.
            ids: Token ids of the texts, padded on the right.
            id_mask: 1 at tokens of the texts, 0 at padding.
            row_of: Row of the source of each text, ascending.
            context: `Context`: keys and values in front of `embeds`, or for T5 in front of the texts that the decoder
                writes. `Written`: states of the texts, for a decoder that has only the layers above a split. None in
                all other cases.

        Returns:
            Log-probabilities in nats, 0 at padding; float64 for a float64 model, else float32.
        """

    @abstractmethod
    def generate(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        max_new_tokens: int,
        context: Context | None = None,
    ) -> list[str]:
        """Generate a text behind each source by greedy decoding, up to the end marker.

        Args:
            embeds: Embeddings of prompt and source, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and source, 0 at padding.
            max_new_tokens: Largest number of tokens of a generated text.
            context: Keys and values in front of `embeds`, for T5 in front of the generated text; None without any.

        Returns:
            Generated texts, without special tokens.
        """

    def _greedy(self, max_new_tokens: int) -> GenerationConfig:
        """Return a generation config for greedy decoding, independent of the model's own generation config."""
        return GenerationConfig(
            max_new_tokens=max_new_tokens,
            do_sample=False,
            num_beams=1,
            eos_token_id=self.tokenizer.eos_token_id,
            pad_token_id=self.pad_id,
            decoder_start_token_id=self.start_id,
        )

    def _texts(self, ids: Int64[Tensor, "rows written"]) -> list[str]:
        texts: list[str] = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return texts


def gathered(
    logits: Float[Tensor, "choices written vocab"],
    ids: Int64[Tensor, "choices written"],
    id_mask: Int64[Tensor, "choices written"],
) -> Float[Tensor, "choices written"]:
    """Compute the log-probability of given tokens, in nats, 0 at padding; float64 for float64 logits, else float32."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    chosen = wide.gather(2, ids.unsqueeze(2)).squeeze(2) - wide.logsumexp(dim=2)
    return chosen.masked_fill(id_mask == 0, 0.0)
