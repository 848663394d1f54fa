"""A table before it is written as HTML, CSV, Markdown or LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rpt.stats.estimate import Estimate

Cell = str | int | float | Estimate | None
"""Content of a cell, before a writer formats it; None for an empty cell."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: Name for programs and in the header of a CSV file, such as `p_holm`.
        title: Heading for readers, such as `p (Holm)`.
        decimals: Number of digits after the decimal point.
        scale: Factor for numbers that readers see: 100 turns a score into points. CSV files have the unscaled number.
        note: Explanation in a sentence; empty if the title suffices.
    """

    name: str
    title: str
    decimals: int = 1
    scale: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table with its caption.

    Attributes:
        name: Name of the table's files without ending, such as `robustness`.
        title: Heading above the table.
        caption: Text that explains the numbers and the method of their intervals, and marks sample data.
        columns: Columns from left to right.
        rows: Cells of each row, one for each column.
        data: Source of the data rows from which the numbers were computed: `sample`, `jsonl` or `hub`. The CSV file has
            it on every line. Empty for a table without such a source.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    data: str = ""
