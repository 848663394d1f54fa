"""Encoder-decoder backbones (the T5 family). The prompt precedes the source in the encoder's input.

A prompt of keys and values (`encoder=prefix`) precedes the answer in the self-attention of the decoder instead.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from rpt.backbones.language import LanguageModel, gathered
from rpt.backbones.lines import TextLine, Written
from rpt.backbones.text_cache import Context, States, states_of


class Seq2SeqBackbone(LanguageModel):
    """A frozen T5. Source and answer each end in `</s>`."""

    def log_likelihoods(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        ids: Int64[Tensor, "choices written"],
        id_mask: Int64[Tensor, "choices written"],
        row_of: Int64[Tensor, " choices"],
        context: Context | Written | None = None,
    ) -> Float[Tensor, "choices written"]:
        """Compute the log-probability of each token of texts that the decoder writes.

        The encoder reads each source once, and the decoder's cross-attention computes the keys and values of a source
        once for all its texts. A `context` enters the decoder's self-attention in front of each text.

        See `LanguageModel.log_likelihoods` for the arguments and the result.
        """
        assert not isinstance(context, Written)
        hidden = self._encode(embeds, mask)
        shared = None
        if len(row_of) != len(hidden):  # with equal lengths, each source has a single text
            shared = self._shared_keys_and_values(hidden, row_of)
            hidden, mask = hidden.index_select(0, row_of), mask.index_select(0, row_of)
            context = None if context is None else context.of_rows(row_of)
        start = ids.new_full((len(ids), 1), self.start_id)
        logits = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
            attention_mask=mask,
            decoder_input_ids=torch.cat([start, ids[:, :-1]], dim=1),
            use_cache=False,
            **_behind(context, ids.shape[1], shared),
        ).logits
        return gathered(logits, ids, id_mask)

    def generate(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        max_new_tokens: int,
        context: Context | None = None,
    ) -> list[str]:
        """Generate texts from the encoder's states by greedy decoding. See `LanguageModel.generate`."""
        hidden = BaseModelOutput(last_hidden_state=self._encode(embeds, mask))
        written = self.model.generate(
            encoder_outputs=hidden,
            attention_mask=mask,
            generation_config=self._greedy(max_new_tokens),
            **_behind(context, 1),
        )
        return self._texts(written)

    def states(self, line: TextLine) -> Float[Tensor, "tokens hidden"]:
        """Compute the encoder's states of a text. The answers of `line` do not change them and have no states."""
        ids = torch.tensor([line.ids], device=self.device)
        return self._encode(self.embed(ids), torch.ones_like(ids))[0]

    def _shared_keys_and_values(
        self, hidden: Float[Tensor, "rows width hidden"], row_of: Int64[Tensor, " choices"]
    ) -> EncoderDecoderCache:
        """Compute the cross-attention's keys and values of each source once, and repeat them for each of its texts."""
        shared = EncoderDecoderCache(DynamicCache(), DynamicCache())
        for layer, block in enumerate(self.model.get_decoder().block):
            attention = block.layer[1].EncDecAttention
            shape = (*hidden.shape[:2], -1, attention.key_value_proj_dim)
            keys, values = (project(hidden).view(shape).transpose(1, 2) for project in (attention.k, attention.v))
            shared.cross_attention_cache.update(keys.index_select(0, row_of), values.index_select(0, row_of), layer)
            shared.is_updated[layer] = True  # the layer then reads the keys and values instead of computing them
        return shared

    @torch.no_grad()
    def key_values(self, ids: Int64[Tensor, " tokens"]) -> States:
        """Compute the keys and values of the decoder's self-attention for a text that begins with the start token.

        The encoder reads an empty text, of which only the tokenizer's special tokens remain.
        """
        front, behind = self.text_edges
        source = torch.tensor([[*front, *behind] or [self.start_id]], device=self.device)
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.model(input_ids=source, decoder_input_ids=ids[None], past_key_values=cache, use_cache=True)
        return states_of(cache.self_attention_cache)

    @property
    def key_value_edges(self) -> tuple[list[int], list[int]]:
        """Token ids around a text of the decoder: the start token in front of it, and none behind it."""
        return [self.start_id], []

    def _encode(
        self, embeds: Float[Tensor, "rows width hidden"], mask: Int64[Tensor, "rows width"]
    ) -> Float[Tensor, "rows width hidden"]:
        hidden = self.model.get_encoder()(inputs_embeds=embeds, attention_mask=mask).last_hidden_state
        assert isinstance(hidden, Tensor)
        return hidden


def _behind(context: Context | None, count: int, shared: EncoderDecoderCache | None = None) -> dict[str, Any]:
    """Return the arguments that pass given keys and values to the decoder, in addition to those of its own tokens.

    Args:
        context: Keys and values in front of the decoder's tokens, in its self-attention; None without any.
        count: Number of tokens that the decoder reads.
        shared: Keys and values of the sources for its cross-attention; None lets the decoder compute them.
    """
    if context is None:
        return {} if shared is None else {"past_key_values": shared}
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache()) if shared is None else shared
    cache.self_attention_cache = context.as_cache()
    tokens = context.mask.new_ones(len(context.mask), count)
    return {"past_key_values": cache, "decoder_attention_mask": torch.cat([context.mask, tokens], dim=1)}
