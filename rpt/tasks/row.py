"""Checked access to a row of the release or to a part of it. Errors name file, line and field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rpt.errors import DataError

Label = str | int | bool


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the data, or a JSON object inside a row, whose fields are read with checks.

    Attributes:
        place: File and line of the row, `file:line`, for messages.
        schema: List of the fields that a row of the task must have, as text for messages.
        values: Content of the JSON object.
        path: Path of the object in the row, such as `passage.questions[0].`; empty for the row itself.
    """

    place: str
    schema: str
    values: Mapping[str, Any]
    path: str = ""

    def text(self, name: str, *, may_be_empty: bool = False) -> str:
        """Return the text in a field.

        Raises:
            DataError: The field is missing, is not a text, or is blank.
        """
        value = self._value(name)
        if not isinstance(value, str) or not (may_be_empty or value.strip()):
            raise self.fault(name, "is not a text.")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the text in a field, or the distinct texts of a list in the field.

        Raises:
            DataError: The field is missing, is neither a text nor a list of texts, or has a blank text or no text.
        """
        value = self._value(name)
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise self.fault(name, "is neither a text nor a list of one text or more.")
        return tuple(dict.fromkeys(texts))

    def number(self, name: str) -> int:
        """Return the whole number in a field.

        Raises:
            DataError: The field is missing or is not a whole number.
        """
        value = self._value(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(name, "is not a whole number.")
        return value

    def idx(self) -> int | str:
        """Return the row's `idx`: a whole number, or a text as in AX-b and AX-g.

        Raises:
            DataError: The field is missing, blank, or neither a whole number nor a text.
        """
        value = self._value("idx")
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number and not (isinstance(value, str) and value.strip()):
            raise self.fault("idx", "is neither a whole number nor a text.")
        idx: int | str = value
        return idx

    def label(self, name: str, labels: Sequence[Label]) -> int:
        """Return the index of a field's value among the labels.

        Raises:
            DataError: The field is missing, or its value is not a label.
        """
        value = self._value(name)
        # `1 == True` in Python, so the type must agree too.
        for index, known in enumerate(labels):
            if known == value and type(known) is type(value):
                return index
        allowed = ", ".join(map(repr, labels))
        raise DataError(f"{self.place}: unknown {self.path}{name} {value!r}; allowed are {allowed}.")

    def part(self, name: str) -> Row:
        """Return the JSON object in a field.

        Raises:
            DataError: The field is missing or is not an object.
        """
        value = self._value(name)
        if not isinstance(value, Mapping):
            raise self.fault(name, "is not a JSON object.")
        return Row(self.place, self.schema, value, f"{self.path}{name}.")

    def parts(self, name: str) -> list[Row]:
        """Return the JSON objects of a list in a field.

        Raises:
            DataError: The field is missing, is not a list of objects, or is an empty list.
        """
        value = self._value(name)
        if not isinstance(value, list) or not value or not all(isinstance(item, Mapping) for item in value):
            raise self.fault(name, "is not a list of one JSON object or more.")
        return [Row(self.place, self.schema, item, f"{self.path}{name}[{index}].") for index, item in enumerate(value)]

    def fault(self, name: str, reason: str) -> DataError:
        """Make the error for a field with an invalid value."""
        return DataError(f"{self.place}: {self.path}{name} = {self.values[name]!r} {reason}")

    def _value(self, name: str) -> Any:
        if name not in self.values:
            raise DataError(f"{self.place}: lacks the field {self.path + name!r}; {self.schema}.")
        return self.values[name]


def objects_in(part: Any, name: str) -> list[dict[str, Any]]:
    """Return the JSON objects of the list in a field; an empty list for a part of a wrong form.

    In contrast to `Row.parts`, nothing is checked, and the objects can be changed.
    """
    items = part.get(name) if isinstance(part, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
