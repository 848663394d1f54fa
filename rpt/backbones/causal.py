"""Decoder-only backbones: the prompt stands in front, the text right behind it, and no padding between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from rpt.backbones.language import LanguageModel, Source, gathered
from rpt.backbones.tokens import tokenize

CONTEXT = 64
"""Characters at the end of a source that are tokenised together with an answer."""


@dataclass(frozen=True)
class Layout:
    """Sources with all their texts behind them, one line a row.

    Attributes:
        ids: The texts' tokens in the order of the lines; 0 where a line has none.
        positions: Of every slot of a line, source and texts: each text goes on where the source ends.
        seen: Which slots a slot may see.
        before: For each token of each text, flat, the slot that predicts it: the token before, or the source's last.
        line: For each of them its line.
    """

    ids: Int64[Tensor, "rows slots"]
    positions: Int64[Tensor, "rows all"]
    seen: Bool[Tensor, "rows all all"]
    before: Int64[Tensor, " tokens"]
    line: Int64[Tensor, " tokens"]


class CausalBackbone(LanguageModel):
    """A frozen decoder. What is written follows a space and ends in the tokenizer's end-of-text token."""

    def sources(self, texts: Sequence[str]) -> list[Source]:
        """Tokenise sources; an end marker that the template puts behind a text is left out, for the answer follows."""
        return [replace(source, ids=_without_end(source)) for source in super().sources(texts)]

    def answers(self, sources: Sequence[Source], texts: Sequence[Sequence[str]]) -> list[list[list[int] | None]]:
        """See `LanguageModel`: the tokens that a space and the text have behind the source, and the end marker.

        A text alone may have other tokens: SentencePiece puts a space of its own in front of it.
        """
        contexts = self._contexts(sources)
        pairs = list({(context, text): None for context, row in zip(contexts, texts, strict=True) for text in row})
        before = self._ids([context for context, _ in pairs])
        joint = self._ids([f"{context} {text}" for context, text in pairs])
        behind: dict[tuple[str, str], list[int] | None] = {}
        for pair, source, both in zip(pairs, before, joint, strict=True):
            is_kept = both[: len(source)] == source
            behind[pair] = [*both[len(source) :], self.tokenizer.eos_token_id] if is_kept else None
        return [[behind[context, text] for text in row] for context, row in zip(contexts, texts, strict=True)]

    def _contexts(self, sources: Sequence[Source]) -> list[str]:
        """The end of each source that decides on an answer's tokens; the whole source where its end does not.

        The end suffices where its own second half has the tokens that it has in the source: nothing in front of it then
        reaches the answer. Most rows of a task end alike, so that few texts are tokenised twice.
        """
        ends = [_end(source.text) for source in sources]
        contexts = []
        for source, end, ids in zip(sources, ends, self._ids(ends), strict=True):
            half = ids[len(ids) // 2 :]
            contexts.append(end if half and source.ids[-len(half) :] == half else source.text)
        return contexts

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts without the template; each text is tokenised once."""
        known = list(dict.fromkeys(texts))
        rows = tokenize(self.tokenizer, known, template=False)
        ids = {text: row.ids for text, row in zip(known, rows, strict=True)}
        return [ids[text] for text in texts]

    def log_likelihoods(
        self,
        embeds: Float[Tensor, "rows width hidden"],
        mask: Int64[Tensor, "rows width"],
        ids: Int64[Tensor, "choices written"],
        id_mask: Int64[Tensor, "choices written"],
        row_of: Int64[Tensor, " choices"],
    ) -> Float[Tensor, "choices written"]:
        """See `LanguageModel`: one pass, in which a text sees its source and itself but none of its neighbours."""
        laid = layout(mask, ids, id_mask, row_of)
        joined = torch.cat([embeds, self.embed(laid.ids).to(embeds.dtype)], dim=1)
        hidden = self._body(
            inputs_embeds=joined,
            attention_mask=_additive(laid.seen, embeds.dtype),
            position_ids=laid.positions,
            use_cache=False,
        ).last_hidden_state
        # Only what predicts a token goes through the vocabulary, which would else cost more than the model.
        logits = self.model.get_output_embeddings()(hidden[laid.line, laid.before])  # [tokens, vocab]
        is_token = id_mask.bool()
        found = gathered(logits[:, None], ids[is_token][:, None], id_mask[is_token][:, None]).squeeze(1)
        return found.new_zeros(ids.shape).masked_scatter(is_token, found)

    def generate(
        self, embeds: Float[Tensor, "rows width hidden"], mask: Int64[Tensor, "rows width"], max_new_tokens: int
    ) -> list[str]:
        """See `LanguageModel`; padding is moved in front of the prompt."""
        order = mask.argsort(dim=1, stable=True)
        written = self.model.generate(
            inputs_embeds=embeds.take_along_dim(order[..., None], dim=1),
            attention_mask=mask.take_along_dim(order, dim=1),
            generation_config=self._greedy(max_new_tokens),
        )
        return [text.removeprefix(" ") for text in self._texts(written)]

    @property
    def _body(self) -> Any:
        """The model without its output layer."""
        return self.model.base_model


def _end(text: str) -> str:
    """The last `CONTEXT` characters of a text at most, from the beginning of a word on."""
    return text if len(text) <= CONTEXT else text[text.find(" ", len(text) - CONTEXT) + 1 :]


def _without_end(source: Source) -> list[int]:
    """A source's ids without the control tokens that the template puts behind its text."""
    parts = source.tokens.sequence_ids
    count = len(parts)
    while count and parts[count - 1] is None:
        count -= 1
    return source.ids[:count]


def layout(
    mask: Int64[Tensor, "rows width"],
    ids: Int64[Tensor, "choices written"],
    id_mask: Int64[Tensor, "choices written"],
    row_of: Int64[Tensor, " choices"],
) -> Layout:
    """Put every row's texts behind its source, one behind the other.

    Args:
        mask: 1 at prompt and source, 0 at padding, on the right.
        ids: The texts' tokens, padded on the right.
        id_mask: 1 at tokens, 0 at padding.
        row_of: For each text the row of its source, ascending.
    """
    num_rows, width = mask.shape
    is_token = id_mask.bool()
    line = row_of[:, None].expand_as(ids)[is_token]  # [tokens]
    step = (id_mask.cumsum(1) - 1)[is_token]  # of a token in its text
    owner = torch.arange(len(ids), device=ids.device)[:, None].expand_as(ids)[is_token]
    per_line = torch.bincount(line, minlength=num_rows)
    slot = torch.arange(len(line), device=ids.device) - (per_line.cumsum(0) - per_line)[line]  # behind the source
    length = mask.sum(dim=1)  # [rows]

    slots = int(per_line.max())
    laid, text_of = mask.new_zeros(num_rows, slots), mask.new_full((num_rows, slots), -1)
    laid[line, slot], text_of[line, slot] = ids[is_token], owner
    positions = torch.arange(width, device=mask.device).repeat(num_rows, 1)
    positions = torch.cat([positions, mask.new_zeros(num_rows, slots)], dim=1)
    positions[line, width + slot] = length[line] + step

    # A slot sees what stands before it, in the source or in its own text; padding is seen by none.
    source = mask.new_full((num_rows, width), -2).masked_fill(mask == 0, -1)
    part = torch.cat([source, text_of], dim=1)  # -1: padding, -2: source, else the text
    same = (part[:, :, None] == part[:, None, :]) | (part[:, None, :] == -2)
    seen = same.tril() & (part != -1)[:, None, :]
    before = torch.where(step == 0, length[line] - 1, width + slot - 1)
    return Layout(laid, positions, seen, before, line)


def _additive(seen: Bool[Tensor, "rows all all"], dtype: torch.dtype) -> Float[Tensor, "rows 1 all all"]:
    """The mask as what is added to attention scores. Not minus infinity: a slot of padding sees nothing at all."""
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
