"""A task: from official rows to examples. Driven by its description; it reads no file and knows no backbone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rpt.errors import DataError
from rpt.tasks.example import Example


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task whose labels are fixed, as its YAML file describes it.

    Attributes:
        name: The word on the command line.
        fields: The texts that a row must have.
        labels: The release's label values, in label order.
        choices: The labels' texts (the verbalizer), in label order.
    """

    name: str
    fields: Sequence[str]
    labels: Sequence[str | int | bool]
    choices: Sequence[str]

    def examples(self, rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[Example]:
        """Turn rows into examples.

        Args:
            rows: `(place, row)`; the place (`file:line`) is for messages.

        Raises:
            DataError: A row lacks a field, has an unknown label, or an idx that came before.
        """
        seen: dict[int, str] = {}
        for place, row in rows:
            example = self._example(place, row)
            if example.idx in seen:
                first = seen[example.idx]
                raise DataError(f"{place}: idx {example.idx} was already used at {first}; each must be unique.")
            seen[example.idx] = place
            yield example

    def _example(self, place: str, row: Mapping[str, Any]) -> Example:
        for field in (*self.fields, "idx", "label"):
            if field not in row:
                raise DataError(f"{place}: lacks the field {field!r}; a {self.name} row has {self._schema()}.")
        idx, texts = row["idx"], {field: row[field] for field in self.fields}
        if not isinstance(idx, int) or isinstance(idx, bool):
            raise DataError(f"{place}: idx = {idx!r} is not a whole number.")
        for field, text in texts.items():
            if not isinstance(text, str) or not text.strip():
                raise DataError(f"{place}: {field} = {text!r} is not a text.")
        return Example(idx=idx, fields=texts, choices=tuple(self.choices), target=self._target(place, row))

    def _target(self, place: str, row: Mapping[str, Any]) -> int:
        label = row["label"]
        # `1 == True` in Python, so the type must agree too.
        for index, known in enumerate(self.labels):
            if known == label and type(known) is type(label):
                return index
        allowed = ", ".join(map(repr, self.labels))
        raise DataError(f"{place}: unknown label {label!r}; allowed are {allowed}.")

    def _schema(self) -> str:
        return ", ".join((*self.fields, "idx", "label"))
