"""Tasks whose answer is free text: a language model generates it, and its words are compared with the right text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from rpt.tasks.example import Example
from rpt.tasks.row import Row
from rpt.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class Written(Task):
    """Task whose rows have an `answer`: a text, or a list of texts that are all right.

    The model is trained to write the first text. A generated text is right if it equals one of the texts without case,
    punctuation and articles (`rpt.tasks.text.normalised`).

    Examples:
        >>> task = Written(name="capitals", fields=("country",), labels=None, choices=None, framing="written")
        >>> [example] = task.examples([("rows:1", {"idx": 0, "country": "Italy", "answer": ["Rome", "Roma"]})])
        >>> example.gold, example.answers
        ('Rome', ('Rome', 'Roma'))
    """

    answer_field: ClassVar[str] = "answer"
    is_stratified: ClassVar[bool] = False
    has_own_choices: ClassVar[bool] = True
    framings: ClassVar[tuple[str, ...]] = ("written",)

    def answer_places(self, row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
        """Yield the row, whose answer could be any text. See `Task.answer_places`."""
        yield row, "unknown"

    def read_row(self, row: Row) -> Iterator[Example]:
        """Yield the example of a row. It has no choices."""
        texts = {field: row.text(field) for field in self.fields}
        fields = {**texts, **self.derived(row, texts)}
        answers = row.texts(self.answer_field)
        yield Example(idx=row.idx(), fields=fields, choices=(), target=None, answers=answers, output=answers[0])
