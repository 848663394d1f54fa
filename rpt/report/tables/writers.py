"""Format a table as CSV for programs, Markdown for a README, and LaTeX for a paper."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pandas as pd
from pylatexenc.latexencode import RULE_DICT, UnicodeToLatexConversionRule, UnicodeToLatexEncoder

from rpt.report.tables.table import Cell, Column, Table
from rpt.stats.estimate import Estimate

LATEX = {
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
}
"""LaTeX source of characters for which pylatexenc has no source or longer source."""

ENCODER = UnicodeToLatexEncoder(
    conversion_rules=[
        UnicodeToLatexConversionRule(RULE_DICT, {ord(sign): source for sign, source in LATEX.items()}),
        "defaults",
    ],
    replacement_latex_protection="braces-after-macro",
    unknown_char_policy=lambda sign: rf"\texttt{{U+{ord(sign):04X}}}",
    unknown_char_warning=False,
)
"""Writer of text as LaTeX source in ASCII. A character without LaTeX source becomes its code point, as `U+4E2D`."""

AUTOLINK = re.compile(r":/|www\.|@\w|#\d", re.IGNORECASE)
"""Text that GitHub turns into a link: an address, a mail address, a mention or the number of an issue."""

FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH COMMERCIAL AT}")
"""First characters of a text that a spreadsheet may evaluate as a formula."""

BLANKS = " \t\r\n"
"""Characters that a spreadsheet may drop before a formula."""

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
"""Text that is a number, such as `-1e-3`. It is harmless in a spreadsheet, although it may begin with a sign."""

SMALL = 3
"""Smallest number of decimals of a column in which a positive number that rounds to 0 is shown as `<0.001`."""


def cell_text(cell: Cell, column: Column) -> str:
    """Format a cell for readers, such as `70.3 [68.1, 72.5]`: without brackets if it has no interval, empty for None.

    In a column with three or more decimals, a positive number that rounds to 0 becomes `<0.001`.
    """
    if cell is None:
        return ""
    if isinstance(cell, Estimate):
        return " ".join(filter(None, (_number(cell.value, column), interval_text(cell, column))))
    if isinstance(cell, float):
        return _number(cell, column)
    return str(cell)


def interval_text(cell: Cell, column: Column) -> str:
    """Format the interval of a cell for readers, such as `[68.1, 72.5]`; empty for a cell without an interval."""
    if not isinstance(cell, Estimate) or not cell.has_interval:
        return ""
    return f"[{_number(cell.low, column)}, {_number(cell.high, column)}]"


def to_csv(table: Table) -> str:
    """Format a table as CSV, with unscaled numbers of full precision.

    A column `name` of estimates becomes the columns `name`, `name_low` and `name_high`. Missing numbers are empty
    fields. The first column, `data`, has the source of the data on every line, so that lines of sample rows stay
    recognisable in a file that joins several tables.
    """
    names: list[str] = []
    fields: list[list[str | int | float | None]] = []
    for index, column in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        names.append(column.name)
        fields.append([_csv_field(cell) for cell in cells])
        if any(isinstance(cell, Estimate) for cell in cells):
            names += [f"{column.name}_low", f"{column.name}_high"]
            fields += [[getattr(cell, end, None) for cell in cells] for end in ("low", "high")]
    frame = pd.DataFrame(dict(enumerate(fields)), dtype=object)
    if table.data:
        frame.insert(0, "data", table.data)
        names.insert(0, "data")
    return str(frame.to_csv(index=False, header=names, lineterminator="\n"))


def to_markdown(table: Table) -> str:
    """Format a table as Markdown: title as a heading, table, caption."""
    lines = [f"## {_markdown(table.title)}", ""]
    lines.append(_line(_markdown(column.title) for column in table.columns))
    lines.append(_line("---:" if _is_numeric(table, index) else "---" for index in range(len(table.columns))))
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        lines.append(_line(_markdown_cell(cell, column) for cell, column in cells))
    return "\n".join([*lines, "", _markdown(table.caption), ""])


def to_latex(table: Table) -> str:
    """Format a table as a LaTeX `table` environment with the rules of the package booktabs."""
    rows = [
        [_latex(cell_text(cell, column)) for cell, column in zip(row, table.columns, strict=True)] for row in table.rows
    ]
    frame = pd.DataFrame(rows, columns=[_latex(column.title) for column in table.columns], dtype=object)
    text = frame.style.hide(axis="index").to_latex(
        column_format="".join("r" if _is_numeric(table, index) else "l" for index in range(len(table.columns))),
        caption=_latex(f"{table.title}. {table.caption}"),
        label=f"tab:{table.name.replace('_', '-')}",
        position_float="centering",
        hrules=True,
    )
    return f"% needs \\usepackage{{booktabs}}\n{text}"


WRITERS = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
"""Function that formats a table, for each file ending."""


def _number(value: float, column: Column) -> str:
    """Format a number for readers, scaled by the column's factor; `n/a`, `inf` or `-inf` if it is not finite."""
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    scaled = value * column.scale
    text = f"{scaled:.{column.decimals}f}"
    if float(text) == 0:
        is_small = scaled > 0 and column.decimals >= SMALL
        return f"<{10**-column.decimals:.{column.decimals}f}" if is_small else text.lstrip("-")
    return text


def _is_numeric(table: Table, index: int) -> bool:
    return all(row[index] is None or isinstance(row[index], int | float | Estimate) for row in table.rows)


def _csv_field(cell: Cell) -> str | int | float | None:
    """Return the value of a cell for the CSV file: an estimate's number, or a text that is not a formula."""
    if isinstance(cell, Estimate):
        return cell.value
    return _harmless(cell) if isinstance(cell, str) else cell


def _harmless(cell: str) -> str:
    """Return a CSV field that no spreadsheet evaluates. A text that begins like a formula gets a leading apostrophe."""
    text = re.sub(r"\r\n?", "\n", cell)  # csv does not quote a carriage return
    if NUMBER.fullmatch(text) or not text:
        return text
    return f"'{text}" if text[0] in BLANKS or text[0] in FORMULA else text


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    """Escape text for Markdown, so that it is shown without markup, links or mentions of people.

    GitHub turns addresses into links even without markup and after a backslash. An empty HTML comment between two
    characters of the address prevents the link, and is invisible on the page.
    """
    for sign in "\\|<>*_`[]!~":
        text = text.replace(sign, f"\\{sign}")
    text = AUTOLINK.sub(lambda match: f"{match[0][:-1]}<!-- -->{match[0][-1]}", text)
    return text.replace("\n", " ")


def _markdown_cell(cell: Cell, column: Column) -> str:
    text = cell_text(cell, column)
    return text if isinstance(cell, Estimate) else _markdown(text)


def _latex(text: str) -> str:
    """Escape text for LaTeX, as ASCII: pdfLaTeX stops at most other characters, whatever its input encoding."""
    on_one_line = "".join(sign if sign.isprintable() or not sign.isascii() else " " for sign in text)
    return str(ENCODER.unicode_to_latex(on_one_line))
