"""Decoder-only backbones. The text follows the prompt directly, without padding between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache

from rpt.backbones.fused import fuse
from rpt.backbones.language import LanguageModel, gathered
from rpt.backbones.lines import TextLine, Written
from rpt.backbones.masks import additive
from rpt.backbones.open_cache import open_disk_cache
from rpt.backbones.text_cache import Context, States, TextCache, states_of


@dataclass(frozen=True)
class Layout:
    """Arrangement of the input of a forward pass: each source is followed by all texts that are scored behind it.

    A line holds a source and its texts. A slot is a position in a line.

    Attributes:
        ids: Token ids of the texts of each line, padded on the right with 0.
        positions: Position id of every slot of source and texts. Each text continues where its source ends.
        seen: True where a slot (second axis) may attend to a slot (third axis).
        before: Slot that predicts each token of the texts: the slot of the token before it, or the source's last slot.
        line: Index of the line of each token of the texts.
    """

    ids: Int64[Tensor, "rows slots"]
    positions: Int64[Tensor, "rows all"]
    seen: Bool[Tensor, "rows all all"]
    before: Int64[Tensor, " tokens"]
    line: Int64[Tensor, " tokens"]


class CausalBackbone(LanguageModel):
    """A frozen decoder, which reads source and answer as one text."""

    def __init__(self, model: Any, tokenizer: Any, checkpoint_fingerprint: str) -> None:
        super().__init__(model, tokenizer, checkpoint_fingerprint)
        fuse(model)

    @cached_property
    def texts(self) -> TextCache:
        """Cache of the keys and values of texts, for prompts behind the text (`backbone.prompt_at=end`)."""
        return TextCache(self.key_values, self.cache_options.max_bytes, open_disk_cache(self, "keys and values"))

    @property
    def bytes_of_token(self) -> int:
        """Number of bytes that the keys and values of a token take in all layers."""
        return prod(self.key_value_shape) * self.embedding.element_size()

    def log_likelihoods(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        ids: Int64[Tensor, "choices written"],
        id_mask: Int64[Tensor, "choices written"],
        row_of: Int64[Tensor, " choices"],
        context: Context | Written | None = None,
    ) -> Float[Tensor, "choices written"]:
        """Compute log-probabilities in one forward pass. A text attends to its source and itself, not to other texts.

        See `LanguageModel.log_likelihoods` for the arguments and the result.
        """
        laid = layout(mask, ids, id_mask, row_of)
        behind = context.states if isinstance(context, Written) else self.embed(laid.ids)
        joined = torch.cat([embeds, behind.to(embeds.dtype)], dim=1)
        seen, positions = laid.seen, laid.positions
        if isinstance(context, Context):
            seen, positions = _behind(context, seen, positions, mask)
        hidden = self._body(
            inputs_embeds=joined,
            attention_mask=additive(seen, embeds.dtype),
            position_ids=positions,
            past_key_values=context.as_cache() if isinstance(context, Context) else None,
            use_cache=False,
        ).last_hidden_state
        # The output layer reads only slots that predict a token. On all slots it would cost more than the model.
        logits = self.model.get_output_embeddings()(hidden[laid.line, laid.before])  # [tokens, vocab]
        is_token = id_mask.bool()
        values = gathered(logits[:, None], ids[is_token][:, None], id_mask[is_token][:, None]).squeeze(1)
        return values.new_zeros(ids.shape).masked_scatter(is_token, values)

    def generate(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        max_new_tokens: int,
        context: Context | None = None,
    ) -> list[str]:
        """Generate greedily. If `context` is None, padding is moved in front of the prompt.

        See `LanguageModel.generate` for the arguments and the result.
        """
        if context is not None:
            written = self._write_behind(context, embeds, mask, max_new_tokens)
            return [text.removeprefix(" ") for text in self._texts(written)]
        order = mask.argsort(dim=1, stable=True)
        written = self.model.generate(
            inputs_embeds=embeds.take_along_dim(order[..., None], dim=1),
            attention_mask=mask.take_along_dim(order, dim=1),
            generation_config=self._greedy(max_new_tokens),
        )
        return [text.removeprefix(" ") for text in self._texts(written)]

    def _write_behind(
        self,
        context: Context,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        max_new_tokens: int,
    ) -> Int64[Tensor, "rows written"]:
        """Generate token ids greedily behind given keys and values and the sources, with padding behind end markers.

        `generate` of transformers counts wrong positions if a cache and input embeddings are given together.
        """
        rows, width = mask.shape
        seen = torch.ones(width, width, dtype=torch.bool, device=mask.device).tril() & mask.bool()[:, None]
        positions = torch.arange(width, device=mask.device).expand(rows, -1)
        seen, positions = _behind(context, seen, positions, mask)
        lengths, cache = mask.sum(dim=1), context.as_cache()
        last, follows = lengths - 1, context.mask.sum(dim=1) + lengths
        attended = torch.cat([context.mask, mask], dim=1).bool()[:, None]  # [rows, 1, context and source]
        written = mask.new_zeros(rows, 0)
        has_ended = torch.zeros(rows, dtype=torch.bool, device=mask.device)
        while written.shape[1] < max_new_tokens and not bool(has_ended.all()):
            hidden = self._body(
                inputs_embeds=embeds,
                attention_mask=additive(seen, embeds.dtype),
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state
            logits = self.model.get_output_embeddings()(hidden[torch.arange(rows, device=mask.device), last])
            ids = logits.argmax(dim=1).masked_fill(has_ended, self.pad_id)
            has_ended |= ids == self.tokenizer.eos_token_id
            seen = attended = torch.cat([attended, torch.ones_like(attended[:, :, :1])], dim=2)
            embeds, positions, last = (
                self.embed(ids[:, None]),
                follows[:, None] + written.shape[1],
                torch.zeros_like(last),
            )
            written = torch.cat([written, ids[:, None]], dim=1)
        return written

    def read(self, ids: Int64[Tensor, "rows tokens"], mask: Int64[Tensor, "rows tokens"]) -> Context | None:
        """Return the keys and values of all tokens of each text except its last token.

        Args:
            ids: Token ids of the texts, padded on the right.
            mask: 1 at text, 0 at padding.

        Returns:
            Keys and values; None if no text has more than one token.
        """
        lengths = (mask.sum(dim=1) - 1).tolist()
        if max(lengths) == 0:
            return None
        return self.texts.context([row[:length] for row, length in zip(ids, lengths, strict=True)])

    def states(self, line: TextLine) -> Float[Tensor, "tokens hidden"]:
        """Compute the last layer's states of a text, followed by the states of each answer in turn."""
        ids = torch.tensor([line.ids], device=self.device)
        mask, positions = torch.ones_like(ids), torch.arange(len(line.ids), device=self.device)[None]
        seen = torch.ones(1, len(line.ids), len(line.ids), dtype=torch.bool, device=self.device).tril()
        if line.answers:
            answers = [torch.tensor(answer, device=self.device) for answer in line.answers]
            written = pad_sequence(answers, batch_first=True)
            written_mask = pad_sequence([torch.ones_like(answer) for answer in answers], batch_first=True)
            laid = layout(mask, written, written_mask, torch.zeros(len(answers), dtype=torch.int64, device=self.device))
            ids, seen, positions = torch.cat([ids, laid.ids], dim=1), laid.seen, laid.positions
        hidden: Tensor = self._body(
            inputs_embeds=self.embed(ids),
            attention_mask=additive(seen, self.dtype),
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state[0]
        return hidden

    @property
    def text_edges(self) -> tuple[list[int], list[int]]:
        """Token ids in front of a text, and none behind it.

        They are the special tokens in front, or the end-of-text token if the tokenizer adds none there.
        """
        front, _ = super().text_edges
        return front or [self.tokenizer.eos_token_id], []

    @torch.no_grad()
    def key_values(self, ids: Int64[Tensor, " tokens"]) -> States:
        """Compute the keys and values of a text in a forward pass of its own, so that no other text changes them."""
        seen = torch.ones(1, len(ids), len(ids), dtype=torch.bool, device=ids.device).tril()
        cache = DynamicCache()
        self._body(
            inputs_embeds=self.embed(ids[None]),
            attention_mask=additive(seen, self.dtype),
            position_ids=torch.arange(len(ids), device=ids.device)[None],
            past_key_values=cache,
            use_cache=True,
        )
        return states_of(cache)

    @property
    def _body(self) -> Any:
        """The transformers model without its output layer."""
        return self.model.base_model


def _behind(
    context: Context,
    seen: Bool[Tensor, "rows new new"],
    positions: Int64[Tensor, "rows new"],
    mask: Int64[Tensor, "rows width"],
) -> tuple[Bool[Tensor, "rows new all"], Int64[Tensor, "rows new"]]:
    """Let all slots attend to given keys and values, and add the number of these to the slots' positions.

    Padding of the sources gets position 0, because a learned table may have no later position.

    Args:
        context: Given keys and values.
        seen: True where a slot (second axis) may attend to a slot (third axis).
        positions: Position id of every slot without the given keys and values.
        mask: 1 at the sources, which are the first slots, 0 at their padding.
    """
    is_given = context.mask.bool()[:, None].expand(-1, seen.shape[1], -1)
    positions = positions + context.mask.sum(dim=1, keepdim=True)
    width = mask.shape[1]
    positions = torch.cat([positions[:, :width] * mask, positions[:, width:]], dim=1)
    return torch.cat([is_given, seen], dim=2), positions


def layout(
    mask: Int64[Tensor, "rows width"],
    ids: Int64[Tensor, "choices written"],
    id_mask: Int64[Tensor, "choices written"],
    row_of: Int64[Tensor, " choices"],
) -> Layout:
    """Arrange the texts of every row one after the other behind the row's source.

    Args:
        mask: 1 at prompt and source, 0 at padding. Sources are padded on the right.
        ids: Token ids of the texts, padded on the right.
        id_mask: 1 at tokens of the texts, 0 at padding.
        row_of: Row of the source of each text, ascending.
    """
    num_rows, width = mask.shape
    is_token = id_mask.bool()
    line = row_of[:, None].expand_as(ids)[is_token]  # [tokens]
    step = (id_mask.cumsum(1) - 1)[is_token]  # index of each token in its text
    owner = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)[is_token]
    per_line = torch.bincount(line, minlength=num_rows)
    slot = torch.arange(len(line), device=ids.device) - (per_line.cumsum(0) - per_line)[line]  # index behind the source
    length = mask.sum(dim=1)  # [rows]

    slots = int(per_line.max())
    laid, text_of = mask.new_zeros(num_rows, slots), mask.new_full((num_rows, slots), -1)
    laid[line, slot], text_of[line, slot] = ids[is_token], owner
    positions = torch.arange(width, device=mask.device).repeat(num_rows, 1)
    positions = torch.cat([positions, mask.new_zeros(num_rows, slots)], dim=1)
    positions[line, width + slot] = length[line] + step

    # A slot attends to itself and to earlier slots of the source and of its own text, never to padding.
    source = mask.new_full((num_rows, width), -2).masked_fill(mask == 0, -1)
    part = torch.cat([source, text_of], dim=1)  # -1: padding, -2: source, 0 and more: the text
    same = (part[:, :, None] == part[:, None, :]) | (part[:, None, :] == -2)
    seen = same.tril() & (part != -1)[:, None, :]
    before = torch.where(step == 0, length[line] - 1, width + slot - 1)
    return Layout(laid, positions, seen, before, line)
