"""Base class of tasks, which turn rows into examples as the task's YAML file describes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from rpt.errors import ConfigError, DataError, ReaderError, RptError
from rpt.tasks.example import Answer, Example, Idx
from rpt.tasks.row import Label, Row
from rpt.tasks.text import folded


@dataclass(frozen=True, kw_only=True)
class Task:
    """A classification task, with an example for each row and a fixed list of labels.

    Attributes:
        name: Name of the task on the command line.
        fields: Names of the texts that a row must have.
        labels: Values of the right answer in the rows, in label order; None for a task whose rows have choices of their
            own.
        choices: Template of the answer for each label, filled with a row's texts, in label order; None for a task whose
            rows have choices of their own.
        framing: Way in which a row becomes examples, one of `framings`.

    Examples:
        >>> task = Task(name="mood", fields=["text"], labels=["bad", "good"], choices=["bad", "good"])
        >>> [example] = task.examples([("moods.jsonl:1", {"idx": 0, "text": "It rains.", "label": "bad"})])
        >>> example.fields["text"], example.choices, example.target
        ('It rains.', ('bad', 'good'), 0)
    """

    name: str
    fields: Sequence[str]
    labels: Sequence[Label] | None
    choices: Sequence[str] | None
    framing: str = "choice"

    is_stratified: ClassVar[bool] = True
    """Whether the target is a class, so that rows can be drawn by class."""

    has_own_choices: ClassVar[bool] = False
    """Whether each row has choices of its own."""

    answer_field: ClassVar[str] = "label"
    """Field that holds the right answer, in a row or in an object inside a row."""

    framings: ClassVar[tuple[str, ...]] = ("choice",)
    """Framings that the task supports."""

    def __post_init__(self) -> None:
        if self.framing not in self.framings:
            known = ", ".join(self.framings)
            raise ConfigError.of(
                "framing", self.framing, f"task={self.name} supports only {known}. Set the format's framing to choice."
            )
        for key, value in (("labels", self.labels), ("choices", self.choices)):
            if self.has_own_choices and value is not None:
                advice = f"each row of task={self.name} has its own. Set task.{key}=null."
                raise ConfigError.of(f"task.{key}", list(value), advice)
            if not self.has_own_choices and value is None:
                advice = (
                    f"task={self.name} needs one for each label; free text needs task.reader=rpt.tasks.written.Written."
                )
                raise ConfigError.of(f"task.{key}", None, advice)

    def examples(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Example]:
        """Turn rows into the examples that are evaluated.

        Args:
            rows: `(place, row)` pairs. The place, `file:line`, names the row in messages.

        Raises:
            DataError: A row does not fit the task's schema, or its idx is already used.
            ReaderError: The task's own code has raised an error while it read a row.
        """
        seen: dict[Idx, str] = {}
        for place, values in rows:
            with self.own_code(place):
                examples = list(self.read_row(Row(place, f"a {self.name} row has {self.schema}", values)))
            for example in examples:
                if example.idx in seen:
                    first = seen[example.idx]
                    raise DataError(f"{place}: idx {example.idx} was already used at {first}; each must be unique.")
                seen[example.idx] = place
                _check_answer(example, place)
                yield example

    @contextmanager
    def own_code(self, place: str) -> Iterator[None]:
        """Guard a block that calls the task's own code for a row.

        Raises:
            ReaderError: The task's own code has raised an error; the message names the row.
        """
        try:
            yield
        except RptError:
            raise
        except Exception as error:
            reader = f"{type(self).__module__}.{type(self).__qualname__}"
            reason = f"{type(error).__name__}: {error}"
            raise ReaderError(f"{place}: the task's reader {reader} raised {reason}.") from error

    def training(self, examples: Sequence[Example]) -> list[Example]:
        """Return the examples to train on, from the examples of the train split."""
        return list(examples)

    def candidate(self, example: Example, index: int) -> Mapping[str, str]:
        """Return the row's fields, and a choice's text as `choice`, for templates that are filled for each choice."""
        return {**example.fields, "choice": example.choices[index]}

    def read(self, example: Example, text: str) -> Answer:
        """Turn a generated text into an answer: the choice that equals it up to case and white space, or no choice."""
        written = folded(text)
        same = (index for index, choice in enumerate(example.choices) if folded(choice) == written)
        return Answer(next(same, None), text)

    def majority(self, examples: Sequence[Example]) -> list[Answer]:
        """Answer every example with the most frequent right label, or, without labels, the most frequent right text.

        Of equally frequent answers, the label with the smallest index or the text that occurs first is taken.
        """
        counts = Counter(example.target for example in examples if example.target is not None)
        if not counts:
            texts = Counter(example.gold for example in examples)
            most_written = max(texts, key=texts.__getitem__)
            return [self.read(example, most_written) for example in examples]
        most = min(counts, key=lambda target: (-counts[target], target))
        return [Answer(most, example.choices[most]) for example in examples]

    @property
    def schema(self) -> str:
        """List of the fields of a row, as text for messages. A task whose rows have other fields overrides it."""
        return ", ".join((*self.fields, "idx", self.answer_field))

    @property
    def has_text_fields_only(self) -> bool:
        """Whether a row has no fields but the texts of `fields`, `idx` and the right answer."""
        return type(self).schema is Task.schema

    def answer_places(self, row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
        """Yield each JSON object of a row that holds a right answer, with a value that a right answer could have.

        `rpt.predict` fills in this value where `answer_field` is missing, because `read_row` needs a right answer. A
        task whose right answers lie inside nested objects overrides this method.

        Args:
            row: Row of the release, or of a user's task. It may have a wrong form, which `read_row` reports.
        """
        # The last label, because a framing of WSC skips rows with the first label.
        yield row, (self.labels or [0])[-1]

    def read_row(self, row: Row) -> Iterator[Example]:
        """Yield the examples of a row.

        Raises:
            DataError: The row does not fit the task's schema.
        """
        texts = {field: row.text(field) for field in self.fields}
        yield self.example(row, row.idx(), {**texts, **self.derived(row, texts)})

    def derived(self, row: Row, texts: Mapping[str, str]) -> Mapping[str, str]:
        """Return further texts for the templates, which are computed from the row."""
        return {}

    def example(self, row: Row, idx: Idx, texts: Mapping[str, str], **more: Any) -> Example:
        """Make an example with the task's choices.

        Args:
            row: Row, or part of a row, that holds the right answer.
            idx: Number or text that identifies the example.
            texts: Texts for the templates by name.
            more: Other attributes of `Example`, by name.

        Raises:
            DataError: The label is unknown, or two choices have the same text.
        """
        assert self.choices is not None
        assert self.labels is not None
        choices = tuple(choice.format_map(texts) for choice in self.choices)
        if len({folded(choice) for choice in choices}) < len(choices):
            raise DataError(f"{row.place}: its choices must differ from each other; they are {', '.join(choices)}.")
        return Example(idx=idx, fields=texts, choices=choices, target=row.label(self.answer_field, self.labels), **more)


def _check_answer(example: Example, place: str) -> None:
    """Refuse an example without a right answer.

    Raises:
        DataError: The example has neither a target nor an output, or its target is not the index of a choice.
    """
    if example.target is None and example.output is None:
        raise DataError(f"{place}: the task's reader gives idx {example.idx} neither a target nor an output.")
    if example.target is not None and not 0 <= example.target < len(example.choices):
        allowed = f"0 to {len(example.choices) - 1}" if example.choices else "none"
        raise DataError(
            f"{place}: the task's reader gives idx {example.idx} target {example.target}; allowed: {allowed}."
        )
