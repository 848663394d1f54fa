"""Tokenise a split once, before training, and say how much of it a limit cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Any

import torch
from torch import Tensor

from rpt.errors import DataError
from rpt.tasks.example import Example

Ids = Sequence[int]
ADVICE = "Set backbone.text_limit higher."


@dataclass(frozen=True)
class Encoded:
    """A tokenised split.

    Attributes:
        examples: The rows, in order.
        inputs: What the backbone reads of each row, special tokens included, no padding: one text, or one per choice.
        outputs: What a language model is trained to write for each row, end marker included; empty for a head.
        choices: The same for each of the row's choices; empty for a head.
        num_cut: Rows of which a limit cut a text.
    """

    examples: Sequence[Example]
    inputs: Sequence[Sequence[Ids]]
    outputs: Sequence[Ids]
    choices: Sequence[Sequence[Ids]]
    num_cut: int

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.examples)

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens of each row's longest input, and of what is written behind it."""
        return [max(map(len, texts)) + len(output) for texts, output in zip(self.inputs, self.outputs, strict=True)]

    @property
    def cut_share(self) -> float:
        """Share of the rows that were cut, 0 to 1."""
        return self.num_cut / max(len(self), 1)

    @property
    def longest_output(self) -> int:
        """Tokens of the longest text that a row may be answered with, end marker included."""
        texts = [ids for row in self.choices for ids in row]
        return max(map(len, [*texts, *self.outputs]), default=0)

    def terms(self, row: int) -> int:
        """How many terms a row has in its run's training loss: one, or one for each token that is written."""
        return len(self.outputs[row]) or 1


def encode_pairs(
    tokenizer: Any,
    examples: Sequence[Example],
    first: str,
    second: str,
    limit: int,
    candidate: Callable[[Example, int], Mapping[str, str]] | None = None,
) -> Encoded:
    """Tokenise sentence pairs for an encoder backbone: `[CLS] first [SEP] second [SEP]`.

    Args:
        tokenizer: A fast tokenizer of transformers.
        examples: The rows.
        first: Template of the first text, the only one that is ever cut.
        second: Template of the second text, kept whole.
        limit: Most tokens of a pair, special tokens included.
        candidate: Gives the fields of one of a row's choices; each choice then makes a pair of its own.

    Raises:
        DataError: A second text alone is over the limit.
    """
    owners: list[int] = []  # the row that a pair is of
    firsts: list[str] = []
    seconds: list[str] = []
    for row, example in enumerate(examples):
        read = [example.fields] if candidate is None else [candidate(example, i) for i in range(len(example.choices))]
        owners += [row] * len(read)
        firsts += [first.format_map(fields) for fields in read]
        seconds += [second.format_map(fields) for fields in read]
    pairs = tokenizer(firsts, seconds, verbose=False)["input_ids"] if firsts else []
    cut = [index for index, ids in enumerate(pairs) if len(ids) > limit]
    for index in cut:
        pairs[index] = _cut_pair(tokenizer, firsts[index], seconds[index], limit, examples[owners[index]])
    inputs: list[list[Ids]] = [[] for _ in examples]
    for row, ids in zip(owners, pairs, strict=True):
        inputs[row].append(ids)
    return Encoded(examples, inputs, [[]] * len(examples), [[]] * len(examples), len({owners[i] for i in cut}))


def _cut_pair(tokenizer: Any, first: str, second: str, limit: int, example: Example) -> Ids:
    room = limit - tokenizer.num_special_tokens_to_add(pair=True)
    if len(tokenizer(second, add_special_tokens=False, verbose=False)["input_ids"]) >= room:
        raise DataError(
            f"row idx {example.idx}: its second text leaves no room for the first in {limit} tokens. {ADVICE}"
        )
    ids: Ids = tokenizer(first, second, truncation="only_first", max_length=limit)["input_ids"]
    return ids


def encode_texts(
    source_encoding: Callable[[list[str]], Any],
    target_ids: Callable[[str], list[int]],
    examples: Sequence[Example],
    template: str,
    cut: str | None,
    limit: int,
) -> Encoded:
    """Tokenise sources, and what may be written behind them, for a language model.

    Args:
        source_encoding: Texts to `input_ids` and `offset_mapping`.
        target_ids: A text to its tokens, end marker included.
        examples: The rows.
        template: Of the source.
        cut: The field whose text may be cut at its end; the rest of the source is kept whole, end marker included.
        limit: Most tokens of a source, special tokens included.

    Raises:
        DataError: A source is over the limit and cutting that field does not suffice.
    """
    rendered = [render(template, example.fields, cut) for example in examples]
    encoding = source_encoding([text for text, _ in rendered])
    inputs: list[list[Ids]] = [[ids] for ids in encoding["input_ids"]]
    long = [row for row, [ids] in enumerate(inputs) if len(ids) > limit]
    for row in long:
        kept = drop_from_end(encoding["offset_mapping"][row], rendered[row][1], len(inputs[row][0]) - limit)
        if kept is None:
            raise DataError(
                f"row idx {examples[row].idx}: has {len(inputs[row][0])} tokens, {limit} are allowed, and cutting "
                f"{cut or 'none of its fields'} does not suffice. {ADVICE}"
            )
        inputs[row] = [[inputs[row][0][position] for position in kept]]
    texts = {text for example in examples for text in (*example.choices, example.gold)}
    known = {text: target_ids(text) for text in sorted(texts)}
    outputs = [known[example.gold] for example in examples]
    choices = [[known[choice] for choice in example.choices] for example in examples]
    return Encoded(examples, inputs, outputs, choices, len(long))


def render(template: str, fields: Mapping[str, str], cut: str | None) -> tuple[str, tuple[int, int] | None]:
    """Fill a template in, and say which characters came from the field that may be cut."""
    text, span = "", None
    for literal, name, spec, _ in Formatter().parse(template):
        text += literal
        if name is not None:
            start = len(text)
            text += format(fields[name], spec or "")
            span = (start, len(text)) if name == cut else span
    return text, span


def drop_from_end(offsets: Sequence[tuple[int, int]], span: tuple[int, int] | None, count: int) -> list[int] | None:
    """The positions that stay when a span loses its last `count` tokens; None where it has not more than that."""
    start, end = span or (0, 0)
    inside = [at for at, (low, high) in enumerate(offsets) if low < high and start <= low and high <= end]
    if len(inside) <= count:
        return None
    dropped = set(inside[len(inside) - count :])
    return [at for at in range(len(offsets)) if at not in dropped]


def pad(rows: Sequence[Ids], pad_id: int) -> tuple[Tensor, Tensor]:
    """Pad rows of token ids on the right.

    Returns:
        `ids` and `mask`, int64 [rows, tokens]; the mask is 1 at text, 0 at padding.
    """
    width = max(map(len, rows), default=0)
    ids = torch.full((len(rows), width), pad_id, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[index, : len(row)] = 1
    return ids, mask
