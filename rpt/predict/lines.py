"""Read input lines one after the other. A broken line is reported with its number, and the next lines are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rpt.data.jsonl import parse_line
from rpt.errors import DataError


@dataclass(frozen=True)
class InputRow:
    """A row of the input, or the fault of a line that holds no row.

    Attributes:
        place: File and line of the row, for messages.
        number: Number of the line, from 1.
        values: Fields of the row; empty for a broken line.
        fault: Fault of the line; None for a row.
    """

    place: str
    number: int
    values: Mapping[str, Any]
    fault: DataError | None = None


def read_input(stream: Iterable[bytes], name: str) -> Iterator[InputRow]:
    """Yield the rows of a JSONL stream, and the faults of its broken lines. Blank lines are left out.

    Args:
        stream: Stream of bytes, which is read line by line.
        name: Name of the stream, for messages.
    """
    for number, line in enumerate(stream, start=1):
        place = f"{name}:{number}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            if text.strip():
                yield InputRow(place, number, parse_line(text, place))
        except UnicodeDecodeError as error:
            yield InputRow(place, number, {}, DataError(f"{place}: is not UTF-8 text ({error.reason})."))
        except DataError as error:
            yield InputRow(place, number, {}, error)


def placed(rows: Iterable[Mapping[str, Any]]) -> Iterator[InputRow]:
    """Number the rows that a program passes, from 1, and yield them as input rows."""
    for number, row in enumerate(rows, start=1):
        yield InputRow(f"row {number}", number, row)
