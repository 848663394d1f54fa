"""MultiRC (Khashabi et al. 2018): which answers to a question about a passage are right?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rpt.tasks.example import Example
from rpt.tasks.row import Row, objects_in
from rpt.tasks.task import Task
from rpt.tasks.text import without_tags


@dataclass(frozen=True, kw_only=True)
class MultiRc(Task):
    """MultiRC task. Each answer is an example, and the answers to the same question are a group."""

    @property
    def schema(self) -> str:
        """List of the fields of a row, as text for messages."""
        answers = "answers: a list of {text, idx, label}"
        return f"idx and passage: {{text, questions: a list of {{question, idx, {answers}}}}}"

    def answer_places(self, row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
        """Yield the answers to the questions, with a label. See `Task.answer_places`."""
        assert self.labels is not None
        for question in objects_in(row.get("passage"), "questions"):
            yield from ((answer, self.labels[-1]) for answer in objects_in(question, "answers"))

    def read_row(self, row: Row) -> Iterator[Example]:
        """Yield the examples of a passage, without HTML tags. The release has three empty answers."""
        number, passage = row.number("idx"), row.part("passage")
        text = without_tags(passage.text("text"))
        for question in passage.parts("questions"):
            group = (number, question.number("idx"))
            texts = {"passage": text, "question": without_tags(question.text("question"))}
            for answer in question.parts("answers"):
                written = {**texts, "answer": without_tags(answer.text("text", may_be_empty=True))}
                yield self.example(answer, (*group, answer.number("idx")), written, group=group)
