"""WSC (Levesque et al. 2012): does a pronoun stand for this noun phrase?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rpt.tasks.example import Answer, Example
from rpt.tasks.row import Row
from rpt.tasks.task import Task
from rpt.tasks.text import folded, normalised

Range = tuple[int, int]
"""Position of the first character of a span, and the position behind its last character."""

# T5's list (t5/data/postprocessors.py, wsc_simple).
DETERMINERS = frozenset(
    [
        "a",
        "an",
        "few",
        "her",
        "his",
        "each",
        "every",
        "many",
        "much",
        "my",
        "our",
        "some",
        "that",
        "the",
        "their",
        "these",
        "this",
        "those",
        "which",
        "whose",
        "your",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Wsc(Task):
    """WSC task. It marks noun phrase and pronoun in the text, and supports three framings.

    - `choice`: the answer is one of two label texts.
    - `referent`: the model writes the noun phrase that the pronoun stands for. It trains on the rows whose given phrase
      is right, and is evaluated on all rows: the written phrase determines the label.
    - `positives`: training and evaluation use only the rows whose given phrase is right. The model must write a word of
      the phrase.

    Source: T5's `wsc_simple` (github.com/google-research/text-to-text-transfer-transformer) for `referent`; the
    published code's `process_wsc` (github.com/arazd/ResidualPrompts, 53087ca) for `positives`.
    """

    framings: ClassVar[tuple[str, ...]] = ("choice", "referent", "positives")

    @property
    def schema(self) -> str:
        """List of the fields of a row, as text for messages."""
        return "text, target: {span1_index, span1_text, span2_index, span2_text}, idx, label"

    def read_row(self, row: Row) -> Iterator[Example]:
        """Yield the example of a row. `positives` leaves out a row whose given phrase is not right."""
        [example] = super().read_row(row)
        if self.framing == "choice":
            yield example
        elif self.framing == "referent":
            yield replace(example, output=example.fields["span1_text"])
        elif example.target == 1:
            words = example.fields["text"].split()
            yield replace(example, output=words[int(example.fields["span1_index"])])

    def derived(self, row: Row, texts: Mapping[str, str]) -> Mapping[str, str]:
        """Return texts and indices of both spans, and the text with marks: `marked` has #phrase# and *pronoun*.

        In `marked_pronoun`, only the pronoun has marks.
        """
        target, text = row.part("target"), texts["text"]
        phrase, pronoun = (_located(target, number, text) for number in "12")
        return {
            "span1_text": target.text("span1_text"),
            "span2_text": target.text("span2_text"),
            "span1_index": str(target.number("span1_index")),
            "span2_index": str(target.number("span2_index")),
            "marked": _marked(text, [(phrase, "#"), (pronoun, "*")]),
            "marked_pronoun": _marked(text, [(pronoun, "*")]),
        }

    def training(self, examples: Sequence[Example]) -> list[Example]:
        """Return all examples; under `referent`, only the examples whose given phrase is right."""
        return [example for example in examples if self.framing != "referent" or example.target == 1]

    def read(self, example: Example, text: str) -> Answer:
        """Turn a generated text into an answer, which depends on the framing."""
        if self.framing == "choice":
            return super().read(example, text)
        if self.framing == "positives":
            return Answer(int(normalised(text) == normalised(example.gold)), text)
        written, phrase = _content(text), _content(example.fields["span1_text"])
        if not written:
            return Answer(None, text)
        # As in T5, a text with an apostrophe never matches a text without: `hat` is not `Bob's hat`.
        same_owner = any("'" in word for word in written) == any("'" in word for word in phrase)
        return Answer(int(same_owner and bool(phrase) and (written <= phrase or phrase <= written)), text)

    def majority(self, examples: Sequence[Example]) -> list[Answer]:
        """Answer every example with the most frequent right label; with equal counts, with the first label.

        Under the framing `positives` the answer is a word, and the most frequent right word is taken.
        """
        if self.framing != "positives":
            return super().majority(examples)
        counts = Counter(normalised(example.gold) for example in examples)
        most = max(counts, key=counts.__getitem__)
        return [self.read(example, most) for example in examples]


def _content(text: str) -> set[str]:
    return set(folded(text).split()) - DETERMINERS


def _located(target: Row, number: str, text: str) -> Range:
    """Find the position of a span in the text.

    The index counts words between white space. Three of the release's 1,608 spans are not at their index. If the words
    of such a span occur exactly once, their position is used, as T5 does for such a span of the validation set.
    Otherwise the span begins at the index and has as many words as its text.
    """
    words = [match.span() for match in re.finditer(r"\S+", text)]
    index, span = target.number(f"span{number}_index"), " ".join(target.text(f"span{number}_text").split())
    if not 0 <= index < len(words):
        raise target.fault(
            f"span{number}_index", f"must be the number of one of the text's {len(words)} words, 0 to {len(words) - 1}."
        )
    start = words[index][0]
    for spelled in (span, span.rstrip(".,;:!?")):  # a few spans end in a full stop that the text lacks
        if spelled and _starts_with(text[start:], spelled):
            return start, start + len(spelled)
    elsewhere = [first for first, _ in words if _starts_with(text[first:], span)]
    if len(elsewhere) == 1:
        return elsewhere[0], elsewhere[0] + len(span)
    return start, words[min(index + len(span.split()), len(words)) - 1][1]


def _starts_with(text: str, span: str) -> bool:
    """Check whether a text begins with the words of a span, up to case."""
    follows = text[len(span) : len(span) + 1]
    return text[: len(span)].lower() == span.lower() and not follows.isalnum()


def _marked(text: str, marks: Sequence[tuple[Range, str]]) -> str:
    """Put a mark on both sides of each range. If a range contains another, its marks are outside the other's marks."""
    inserts = []
    for (start, end), mark in marks:
        inserts += [(start, 1, -end, mark), (end, 0, -start, mark)]  # closing marks come before opening marks
    for position, _, _, mark in sorted(inserts, reverse=True):
        text = text[:position] + mark + text[position:]
    return text
