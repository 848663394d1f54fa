"""Tokenise a split once, before training. Count cut rows, and rows whose choices have equal tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from string import Formatter
from typing import Any

import torch
from torch import Tensor

from rpt.backbones.texts import SourceText, TextTokenizer
from rpt.backbones.tokens import Tokens, tokenize
from rpt.errors import DataError
from rpt.tasks.example import Example

Ids = Sequence[int]
ADVICE = "Set backbone.text_limit higher."


@dataclass(frozen=True)
class Encoded:
    """A tokenised split.

    Attributes:
        examples: Examples of the split, in order. An example is also called a row.
        inputs: Token ids of the texts that the backbone reads for each row, special tokens included, without padding. A
            row has a single text or a text for each choice.
        outputs: Token ids that a language model learns to write for each row, end marker included; empty for a head.
        choices: Token ids of each choice of each row, end marker included; empty for a head.
        num_cut: Number of rows with a text that was cut to `backbone.text_limit` tokens.
        segments: Segment id of each token of `inputs`: 1 in the second text of a pair, else 0. Empty for language
            models.
    """

    examples: Sequence[Example]
    inputs: Sequence[Sequence[Ids]]
    outputs: Sequence[Ids]
    choices: Sequence[Sequence[Ids]]
    num_cut: int
    segments: Sequence[Sequence[Ids]] = field(default=())

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.examples)

    @cached_property
    def lengths(self) -> list[int]:
        """Number of tokens of each row's longest input and of its output together."""
        return [max(map(len, texts)) + len(output) for texts, output in zip(self.inputs, self.outputs, strict=True)]

    @property
    def cut_share(self) -> float:
        """Share of rows that were cut, 0 to 1."""
        return self.num_cut / max(len(self), 1)

    @cached_property
    def tied(self) -> list[int]:
        """Numbers of the rows with two choices of equal token ids, which no score can tell apart."""
        return [row for row in range(len(self)) if self.tie(row) is not None]

    def tie(self, row: int) -> tuple[str, str] | None:
        """Return the first two choices of a row that have equal token ids; None if all choices differ."""
        seen: dict[tuple[int, ...], int] = {}
        by_choice = self.choices[row] or (self.inputs[row] if len(self.inputs[row]) > 1 else ())
        for index, ids in enumerate(by_choice):
            other = seen.setdefault(tuple(ids), index)
            if other != index:
                choices = self.examples[row].choices
                return choices[other], choices[index]
        return None

    @property
    def longest_output(self) -> int:
        """Number of tokens of the longest choice or output of any row, end marker included."""
        texts = [ids for row in self.choices for ids in row]
        return max(map(len, [*texts, *self.outputs]), default=0)

    def terms(self, row: int) -> int:
        """Count the terms of a row in the training loss: the number of its output tokens, or 1 for a head."""
        return len(self.outputs[row]) or 1


def encode_pairs(
    tokenizer: Any,
    examples: Sequence[Example],
    first: str,
    second: str | None,
    limit: int,
    candidate: Callable[[Example, int], Mapping[str, str]] | None = None,
) -> Encoded:
    """Tokenise sentence pairs for an encoder backbone: `[CLS] first [SEP] second [SEP]`.

    Args:
        tokenizer: Fast tokenizer of transformers.
        examples: Examples to tokenise.
        first: Template of the first text, which is cut at its end if the pair is over the limit.
        second: Template of the second text, which is never cut; None for single texts, `[CLS] first [SEP]`.
        limit: Largest number of tokens of a pair, special tokens included.
        candidate: Function that returns the template fields of an example for the choice of a given index. A row then
            has a pair for each choice. With None, a row has a single pair, made from the example's own fields.

    Raises:
        DataError: The second text alone fills the limit, so that no token of the first text fits.
    """
    owners: list[int] = []  # number of the row of each pair
    firsts: list[str] = []
    seconds: list[str] = []
    for row, example in enumerate(examples):
        read = [example.fields] if candidate is None else [candidate(example, i) for i in range(len(example.choices))]
        owners += [row] * len(read)
        firsts += [first.format_map(fields) for fields in read]
        seconds += [] if second is None else [second.format_map(fields) for fields in read]
    inputs: list[list[Ids]] = [[] for _ in examples]
    segments: list[list[Ids]] = [[] for _ in examples]
    cut: set[int] = set()
    for row, pair in zip(owners, tokenize(tokenizer, firsts, seconds or None), strict=True):
        ids, types = pair.ids, pair.type_ids
        if len(ids) > limit:
            kept = _kept_of_pair(pair, limit, examples[row])
            ids, types = [ids[position] for position in kept], [types[position] for position in kept]
            cut.add(row)
        inputs[row].append(ids)
        segments[row].append(types)
    nothing: list[list[Ids]] = [[]] * len(examples)
    return Encoded(examples, inputs, [[]] * len(examples), nothing, len(cut), segments)


def _kept_of_pair(pair: Tokens, limit: int, example: Example) -> list[int]:
    """Return the positions of a pair's tokens that remain after the end of its first text is cut."""
    parts = pair.sequence_ids
    first = [position for position, part in enumerate(parts) if part == 0]
    count = len(parts) - limit
    if len(first) <= count:
        raise DataError(
            f"row idx {example.idx}: its second text leaves no room for the first in {limit} tokens. {ADVICE}"
        )
    dropped = set(first[len(first) - count :])
    return [position for position in range(len(parts)) if position not in dropped]


def encode_texts(
    tokenizer: TextTokenizer, examples: Sequence[Example], template: str, cut: str | None, limit: int
) -> Encoded:
    """Tokenise sources and answers for a language model.

    Args:
        tokenizer: Tokenizer of sources and answers for the backbone's family.
        examples: Examples to tokenise.
        template: Template of the source.
        cut: Name of the field whose text may be cut at its end; None if no text may be cut.
        limit: Largest number of tokens of a source, special tokens included.

    Raises:
        DataError: A source is over the limit even after the field is cut, or the tokenizer joins an answer with its
            source, so that the answer has no tokens of its own.
    """
    rendered = [render(template, example.fields, cut) for example in examples]
    sources = tokenizer.sources([text for text, _ in rendered])
    inputs: list[list[Ids]] = [[source.ids] for source in sources]
    long = [row for row, source in enumerate(sources) if len(source.ids) > limit]
    for row in long:
        inputs[row] = [_cut_source(sources[row], rendered[row][1], limit, examples[row], cut)]
    texts = [(example.gold, *example.choices) for example in examples]
    written = [
        [_own_tokens(ids, text, example) for ids, text in zip(answers, row, strict=True)]
        for answers, row, example in zip(tokenizer.answers(sources, texts), texts, examples, strict=True)
    ]
    return Encoded(examples, inputs, [row[0] for row in written], [row[1:] for row in written], len(long))


def _cut_source(source: SourceText, span: tuple[int, int] | None, limit: int, example: Example, cut: str | None) -> Ids:
    kept = drop_from_end(source.offsets, span, len(source.ids) - limit)
    if kept is None:
        why = f"cutting the field {cut} does not suffice" if cut else "the task's format names no field to cut"
        raise DataError(
            f"row idx {example.idx}: has {len(source.ids)} tokens, but {limit} are allowed, and {why}. {ADVICE}"
        )
    return [source.ids[position] for position in kept]


def _own_tokens(ids: Ids | None, text: str, example: Example) -> Ids:
    if ids is None:
        raise DataError(
            f"row idx {example.idx}: the tokenizer joins the end of the source with the answer {text!r}, which then "
            "has no tokens of its own. Let the task's source template end with a word or a punctuation mark."
        )
    return ids


def render(template: str, fields: Mapping[str, str], cut: str | None) -> tuple[str, tuple[int, int] | None]:
    """Fill in a template with the fields of an example.

    Returns:
        The text, and the start and end of the field `cut` in the text, in characters, the end excluded; None in place
        of start and end if the template lacks the field.
    """
    text, span = "", None
    for literal, name, spec, _ in Formatter().parse(template):
        text += literal
        if name is not None:
            start = len(text)
            text += format(fields[name], spec or "")
            span = (start, len(text)) if name == cut else span
    return text, span


def drop_from_end(offsets: Sequence[tuple[int, int]], span: tuple[int, int] | None, count: int) -> list[int] | None:
    """Drop the last `count` tokens of a part of a text, such as the part of a field that may be cut.

    Args:
        offsets: Start and end of each token in the text, in characters, the end excluded.
        span: Start and end of the part, in characters; None for an empty part.
        count: Number of tokens to drop.

    Returns:
        Positions of the remaining tokens of the text; None if the part has no more than `count` tokens.
    """
    start, end = span or (0, 0)
    inside = [position for position, (low, high) in enumerate(offsets) if low < high and start <= low and high <= end]
    if len(inside) <= count:
        return None
    dropped = set(inside[len(inside) - count :])
    return [position for position in range(len(offsets)) if position not in dropped]


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
