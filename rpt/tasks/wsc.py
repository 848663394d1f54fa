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
"""First and one past the last character."""

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
    """Marks both spans in the text, and knows three framings.

    - `choice`: the label is one of two texts.
    - `referent`: what is written is the noun phrase that the pronoun stands for; trained on the rows whose phrase is
      the right one, evaluated on all: the phrase that was written decides the label.
    - `positives`: only those rows, also in evaluation, and of the phrase one word; it must be matched.

    Source: T5's `wsc_simple` (github.com/google-research/text-to-text-transfer-transformer) for `referent`; the
    published code's `process_wsc` (github.com/arazd/ResidualPrompts, 53087ca) for `positives`.
    """

    framings: ClassVar[tuple[str, ...]] = ("choice", "referent", "positives")

    @property
    def schema(self) -> str:
        """What a row has, in words, for messages."""
        return "text, target: {span1_index, span1_text, span2_index, span2_text}, idx, label"

    def read_row(self, row: Row) -> Iterator[Example]:
        """The example of a row; none under `positives` if its phrase is not the right one."""
        [example] = super().read_row(row)
        if self.framing == "choice":
            yield example
        elif self.framing == "referent":
            yield replace(example, output=example.fields["span1_text"])
        elif example.target == 1:
            words = example.fields["text"].split()
            yield replace(example, output=words[int(example.fields["span1_index"])])

    def derived(self, row: Row, texts: Mapping[str, str]) -> Mapping[str, str]:
        """The spans' texts and indices; `marked`, with #phrase# and *pronoun*; `marked_pronoun`, with the latter."""
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
        """All examples; under `referent` those whose phrase is the right one."""
        return [example for example in examples if self.framing != "referent" or example.target == 1]

    def read(self, example: Example, text: str) -> Answer:
        """Take what was generated for `False` or `True`, as the framing has it."""
        if self.framing == "choice":
            return super().read(example, text)
        if self.framing == "positives":
            return Answer(int(normalised(text) == normalised(example.gold)), text)
        written, phrase = _content(text), _content(example.fields["span1_text"])
        if not written:
            return Answer(None, text)
        # `Bob` is not `Bob's hat`, though its words are among the other's.
        same_owner = any("'" in word for word in written) == any("'" in word for word in phrase)
        return Answer(int(same_owner and bool(phrase) and (written <= phrase or phrase <= written)), text)

    def majority(self, examples: Sequence[Example]) -> list[Answer]:
        """The most frequent label; under `positives` the most frequent word, the first of them where several are."""
        if self.framing != "positives":
            return super().majority(examples)
        counts = Counter(normalised(example.gold) for example in examples)
        most = max(counts, key=counts.__getitem__)
        return [self.read(example, most) for example in examples]


def _content(text: str) -> set[str]:
    return set(folded(text).split()) - DETERMINERS


def _located(target: Row, number: str, text: str) -> Range:
    """Where a span stands in the text.

    The index counts words between white space. Three of the release's 1,608 spans are not at theirs: such a span is
    taken where its words stand if that is one place only, as T5 does with the one in the validation set, and else
    as many words as it has are taken at its index.
    """
    words = [match.span() for match in re.finditer(r"\S+", text)]
    index, span = target.number(f"span{number}_index"), " ".join(target.text(f"span{number}_text").split())
    if not 0 <= index < len(words):
        raise target.fault(f"span{number}_index", f"is none of the text's {len(words)} words, 0 to {len(words) - 1}.")
    start = words[index][0]
    for spelled in (span, span.rstrip(".,;:!?")):  # a few spans end in a full stop that the text has not
        if spelled and _starts_with(text[start:], spelled):
            return start, start + len(spelled)
    elsewhere = [first for first, _ in words if _starts_with(text[first:], span)]
    if len(elsewhere) == 1:
        return elsewhere[0], elsewhere[0] + len(span)
    return start, words[min(index + len(span.split()), len(words)) - 1][1]


def _starts_with(text: str, span: str) -> bool:
    """Whether a text begins with these very words, in capitals or not."""
    follows = text[len(span) : len(span) + 1]
    return text[: len(span)].lower() == span.lower() and not follows.isalnum()


def _marked(text: str, marks: Sequence[tuple[Range, str]]) -> str:
    """Put a mark on either side of each range. A range inside another one gets the inner marks."""
    inserts = []
    for (start, end), mark in marks:
        inserts += [(start, 1, -end, mark), (end, 0, -start, mark)]  # what ends here goes before what starts here
    for position, _, _, mark in sorted(inserts, reverse=True):
        text = text[:position] + mark + text[position:]
    return text
