"""Tokenise a split once, before training, and say how much of it a limit cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rpt.errors import DataError
from rpt.tasks.example import Example


@dataclass(frozen=True)
class Encoded:
    """A tokenised split.

    Attributes:
        examples: The rows, in order.
        ids: Token ids of each row, special tokens included, no padding.
        num_cut: Rows whose text was over the limit and was cut.
    """

    examples: Sequence[Example]
    ids: Sequence[Sequence[int]]
    num_cut: int

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.examples)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(row) for row in self.ids]

    @property
    def cut_share(self) -> float:
        """Share of the rows that were cut, 0 to 1."""
        return self.num_cut / max(len(self), 1)


def encode_pairs(tokenizer: Any, examples: Sequence[Example], first: str, second: str, limit: int) -> Encoded:
    """Tokenise sentence pairs for an encoder backbone: `[CLS] first [SEP] second [SEP]`.

    Args:
        tokenizer: A fast tokenizer of transformers.
        examples: The rows.
        first: Template of the first text, the only one that is ever cut.
        second: Template of the second text, kept whole.
        limit: Most tokens of a row, special tokens included.

    Raises:
        DataError: A second text alone is over the limit.
    """
    firsts = [first.format_map(example.fields) for example in examples]
    seconds = [second.format_map(example.fields) for example in examples]
    whole = tokenizer(firsts, seconds, verbose=False)["input_ids"]
    room = limit - tokenizer.num_special_tokens_to_add(pair=True)
    long = [index for index, row in enumerate(whole) if len(row) > limit]
    for index in long:
        if len(tokenizer(seconds[index], add_special_tokens=False, verbose=False)["input_ids"]) >= room:
            idx, advice = examples[index].idx, "Set backbone.text_limit higher."
            raise DataError(f"row idx {idx}: its second text leaves no room for the first in {limit} tokens. {advice}")
        cut = tokenizer(firsts[index], seconds[index], truncation="only_first", max_length=limit)
        whole[index] = cut["input_ids"]
    return Encoded(examples, whole, len(long))


def pad(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Pad rows of token ids on the right.

    Returns:
        `ids` and `mask`, int64 [batch, tokens]; the mask is 1 at text, 0 at padding.
    """
    width = max(len(row) for row in rows)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[index, : len(row)] = 1
    return ids, mask
