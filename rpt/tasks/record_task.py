"""ReCoRD (Zhang et al. 2018): which entity of an article does a statement about it speak of?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rpt.errors import DataError
from rpt.tasks.example import Answer, Example
from rpt.tasks.row import Row, objects_in
from rpt.tasks.task import Task
from rpt.tasks.text import normalised

PLACEHOLDER = "@placeholder"


@dataclass(frozen=True, kw_only=True)
class Record(Task):
    """ReCoRD task. Each query is an example. Its choices are the article's entities, several of which may be right.

    With the framing `choice`, the model chooses an entity. With `joined`, as in the published code, the
    model writes all right entities, joined by `; `.
    """

    answer_field: ClassVar[str] = "answers"
    is_stratified: ClassVar[bool] = False
    has_own_choices: ClassVar[bool] = True
    framings: ClassVar[tuple[str, ...]] = ("choice", "joined")

    @property
    def schema(self) -> str:
        """List of the fields of a row, as text for messages."""
        answers = "answers: a list of {text}"
        return (
            f"idx, passage: {{text, entities: a list of {{start, end}}}} and qas: a list of {{query, idx, {answers}}}"
        )

    def answer_places(self, row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
        """Yield the queries, which the article's first entity could answer. See `Task.answer_places`."""
        answers = [{"text": _first_entity(row.get("passage"))}]
        yield from ((query, answers) for query in objects_in(row, "qas"))

    def read_row(self, row: Row) -> Iterator[Example]:
        """Yield the examples of an article. Candidates are the distinct entity texts, in order of first mention."""
        number, passage = row.number("idx"), row.part("passage")
        text = passage.text("text")
        mentions = [_mention(entity, text) for entity in sorted(passage.parts("entities"), key=_start)]
        counts = Counter(mentions)
        listed = sorted(counts)  # as in the hub's view, which T5 and the published code read
        texts = {
            "text": text,
            "passage": _in_sentences(text),
            "entities": ", ".join(listed),
            "entities_by_semicolon": "; ".join(listed),
            "most_mentioned": max(counts, key=counts.__getitem__),
        }
        for query in row.parts("qas"):
            yield self._of_query(query, number, texts, tuple(counts))

    def _of_query(self, query: Row, number: int, texts: Mapping[str, str], candidates: tuple[str, ...]) -> Example:
        if PLACEHOLDER not in query.text("query"):
            raise query.fault("query", f"has no {PLACEHOLDER}.")
        answers = tuple(dict.fromkeys(answer.text("text") for answer in query.parts(self.answer_field)))
        right = [candidates.index(answer) for answer in answers if answer in candidates]
        if not right:
            raise query.fault(self.answer_field, f"has none of the passage's entities: {', '.join(candidates)}.")
        is_joined = self.framing == "joined"
        return Example(
            idx=(number, query.number("idx")),
            fields={**texts, "query": query.text("query")},
            choices=candidates,
            target=None if is_joined else right[0],
            answers=answers,
            output="; ".join(sorted(answers)) if is_joined else None,
        )

    def training(self, examples: Sequence[Example]) -> list[Example]:
        """Make an example of each right entity of a query. The last number of `idx` counts them from 0.

        Under the framing `joined`, the examples are unchanged.
        """
        if self.framing == "joined":
            return list(examples)
        return [
            replace(example, idx=(*_numbers(example), number), target=example.choices.index(answer))
            for example in examples
            for number, answer in enumerate(entity for entity in example.answers if entity in example.choices)
        ]

    def candidate(self, example: Example, index: int) -> Mapping[str, str]:
        """Return the row's fields, a candidate's text as `choice`, and the query with this text as `filled`."""
        choice = example.choices[index]
        return {**example.fields, "choice": choice, "filled": example.fields["query"].replace(PLACEHOLDER, choice)}

    def read(self, example: Example, text: str) -> Answer:
        """Turn a generated text into an answer: the candidate with the same normalised text, or no choice."""
        written = normalised(text)
        same = (index for index, choice in enumerate(example.choices) if normalised(choice) == written)
        return Answer(next(same, None), text)

    def majority(self, examples: Sequence[Example]) -> list[Answer]:
        """Answer with the entity that the article mentions most often; with equal counts, the first mentioned."""
        mentioned = [example.fields["most_mentioned"] for example in examples]
        return [Answer(example.choices.index(most), most) for example, most in zip(examples, mentioned, strict=True)]


def _numbers(example: Example) -> tuple[int, ...]:
    assert isinstance(example.idx, tuple)
    return example.idx


def _start(entity: Row) -> int:
    return entity.number("start")


def _first_entity(passage: Any) -> str:
    """Return the text of an article's first entity; an empty text for an article of a wrong form."""
    entities = objects_in(passage, "entities")
    try:
        return str(passage["text"][entities[0]["start"] : entities[0]["end"] + 1])
    except (LookupError, TypeError):
        return ""


def _mention(entity: Row, text: str) -> str:
    """Return the text of an entity's mention. `end` is the position of its last character."""
    start, end = entity.number("start"), entity.number("end")
    if not 0 <= start < len(text):
        raise entity.fault("start", f"is outside of the passage, 0 to {len(text) - 1}.")
    if not start <= end < len(text):
        raise entity.fault("end", f"must be between its start and the end of the passage: {start} to {len(text) - 1}.")
    mention = text[start : end + 1]
    if not mention.strip():
        raise DataError(f"{entity.place}: {entity.path}start = {start} to end = {end} holds no text.")
    return mention


def _in_sentences(text: str) -> str:
    """Turn the highlights of a passage, each on a line behind `@highlight`, into ordinary sentences.

    Source: T5's `record` (github.com/google-research/text-to-text-transfer-transformer, t5/data/preprocessors.py).
    """
    text = re.sub(r"""([.?!"'])\n@highlight\n""", r"\1 ", text)
    return text.replace("\n@highlight\n", ". ")
