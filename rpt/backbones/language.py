"""What scorers ask of a language model, of either family."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from transformers import GenerationConfig

from rpt.backbones.frozen import FrozenBackbone
from rpt.backbones.tokens import Tokens, tokenize


@dataclass(frozen=True)
class Source:
    """A text that a language model reads before it writes.

    Attributes:
        text: The text itself.
        ids: Its token ids as the model reads them, control tokens of the family included.
        tokens: The tokenizer's own result, which may go on behind `ids`.
    """

    text: str
    ids: list[int]
    tokens: Tokens

    @property
    def offsets(self) -> list[tuple[int, int]]:
        """Span of characters of each of `ids`; an empty span at control tokens."""
        return self.tokens.offsets[: len(self.ids)]


class LanguageModel(FrozenBackbone):
    """A frozen language model that reads a source and writes behind it."""

    def __init__(self, model: Any, tokenizer: Any, checkpoint_fingerprint: str) -> None:
        super().__init__(model, tokenizer, checkpoint_fingerprint)
        # What `generate` is not told it would take from here: sampling, penalties, forced tokens.
        model.generation_config = GenerationConfig()

    def sources(self, texts: Sequence[str]) -> list[Source]:
        """Tokenise sources, with the control tokens that the family reads."""
        return [Source(text, row.ids, row) for text, row in zip(texts, tokenize(self.tokenizer, texts), strict=True)]

    @property
    def start_id(self) -> int:
        """What a decoder of its own begins with, before any written token."""
        start = getattr(self.model.config, "decoder_start_token_id", None)
        return self.pad_id if start is None else int(start)

    @abstractmethod
    def answers(self, sources: Sequence[Source], texts: Sequence[Sequence[str]]) -> list[list[list[int] | None]]:
        """Tokenise what may be written behind sources.

        Args:
            sources: The sources.
            texts: The texts that may be written behind each source.

        Returns:
            For each source the token ids of each of its texts, end marker included. None for a text that has no tokens
            of its own, because the tokenizer joins its beginning with the end of the source.
        """

    @abstractmethod
    def log_likelihoods(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        ids: Int64[Tensor, "choices written"],
        id_mask: Int64[Tensor, "choices written"],
        row_of: Int64[Tensor, " choices"],
    ) -> Float[Tensor, "choices written"]:
        """Log-probability, in nats, of each token of texts that are written behind sources; 0 at padding.

        The source is read once, however many texts stand behind it. Float32, or float64 where the model is.

        Args:
            embeds: Prompt and source, padded on the right, in the backbone's dtype.
            mask: 1 at prompt and source, 0 at padding.
            ids: The texts' tokens, padded on the right.
            id_mask: 1 at tokens, 0 at padding.
            row_of: For each text the row of its source, ascending.
        """

    @abstractmethod
    def generate(
        self, embeds: Float[Tensor, "rows width hidden"], mask: Int64[Tensor, "rows width"], max_new_tokens: int
    ) -> list[str]:
        """Write greedily behind each source, up to the end marker.

        Returns:
            The texts, without special tokens.
        """

    def _greedy(self, max_new_tokens: int) -> GenerationConfig:
        """Greedy decoding, whatever the model's own generation config asks for."""
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
    """Log-probabilities of given tokens, 0 at padding; float32 at least."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    chosen = wide.gather(2, ids.unsqueeze(2)).squeeze(2) - wide.logsumexp(dim=2)
    return chosen.masked_fill(id_mask == 0, 0.0)
