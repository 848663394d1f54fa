"""A table before it is written as HTML, CSV, Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rpt.stats.estimate import Estimate

Cell = str | int | float | Estimate | None
"""What a cell holds: the writers format it; None is an empty cell."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: For programs and file headers: `p_holm`.
        title: For people: `p (Holm)`.
        decimals: Digits after the point of its numbers.
        scale: What numbers are multiplied by for people: 100 turns a score into points. CSV keeps the number itself.
        note: What it means, in a sentence.
    """

    name: str
    title: str
    decimals: int = 1
    scale: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: Of its files: `robustness`.
        title: Above it.
        caption: What it shows, how the intervals were made, and that the data are sample data where they are.
        columns: Left to right.
        rows: As many cells as columns in each.
        data: Source of the rows behind its numbers: `sample`, `jsonl`, `hub`; every line of a CSV file says it. Empty
            where there is none.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    data: str = ""
