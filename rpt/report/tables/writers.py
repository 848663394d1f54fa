"""Format a table as CSV for programs, Markdown for a README, and LaTeX for a paper."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterator

from rpt.report.tables.table import Cell, Column, Table
from rpt.stats.estimate import Estimate

LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{MINUS SIGN}": "$-$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{DEGREE SIGN}": r"$^\circ$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "\N{NO-BREAK SPACE}": "~",
}
"""LaTeX source for each character that LaTeX would interpret or reject. Of the non-ASCII characters, the texts of rpt
contain only the first two; names and error messages may contain the others."""

AUTOLINK = re.compile(r":/|www\.|@\w|#\d", re.IGNORECASE)
"""Text where GitHub begins a link: an address, a mail address, a mention or the number of an issue."""

ACCENTS = {
    "\N{COMBINING GRAVE ACCENT}": r"\`",
    "\N{COMBINING ACUTE ACCENT}": r"\'",
    "\N{COMBINING CIRCUMFLEX ACCENT}": r"\^",
    "\N{COMBINING TILDE}": r"\~",
    "\N{COMBINING DIAERESIS}": r"\"",
    "\N{COMBINING RING ABOVE}": r"\r",
    "\N{COMBINING CEDILLA}": r"\c",
    "\N{COMBINING CARON}": r"\v",
}
"""LaTeX command for each accent, for letters that are an ASCII letter with one accent. Any other non-ASCII character is
written as its code point, such as `U+4E2D`."""


FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH COMMERCIAL AT}")
"""First characters of a text that a spreadsheet may evaluate as a formula."""

BLANKS = " \t\r\n"
"""Characters that a spreadsheet may drop before a formula."""

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
"""Text that is a number, such as `-1e-3`. It is harmless in a spreadsheet, although it may begin with a sign."""

SMALL = 3
"""Fewest decimals, as of a p-value, with which a positive number that rounds to 0 is shown as `<0.001`."""


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
    spread = [_has_estimates(table, place) for place in range(len(table.columns))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [(column.name, is_spread) for column, is_spread in zip(table.columns, spread, strict=True)]
    ends = ("", "_low", "_high")
    head = [f"{name}{end}" for name, is_spread in names for end in (ends if is_spread else ends[:1])]
    writer.writerow(["data", *head] if table.data else head)
    for row in table.rows:
        fields = [field for cell, wide in zip(row, spread, strict=True) for field in _fields(cell, wide)]
        writer.writerow([table.data, *fields] if table.data else fields)
    return text.getvalue()


def to_markdown(table: Table) -> str:
    """Format a table as Markdown: title as a heading, table, caption."""
    lines = [f"## {_markdown(table.title)}", ""]
    lines.append(_line(_markdown(column.title) for column in table.columns))
    lines.append(_line("---:" if _is_numeric(table, place) else "---" for place in range(len(table.columns))))
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        lines.append(_line(_markdown_cell(cell, column) for cell, column in cells))
    return "\n".join([*lines, "", _markdown(table.caption), ""])


def to_latex(table: Table) -> str:
    """Format a table as a LaTeX `table` environment with the rules of the package booktabs."""
    align = "".join("r" if _is_numeric(table, place) else "l" for place in range(len(table.columns)))
    head = " & ".join(_latex(column.title) for column in table.columns)
    body = [
        " & ".join(_latex(cell_text(cell, column)) for cell, column in zip(row, table.columns, strict=True)) + r" \\"
        for row in table.rows
    ]
    lines = [
        "% needs \\usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_latex(f'{table.title}. {table.caption}')}}}",
        rf"\label{{tab:{table.name.replace('_', '-')}}}",
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


WRITERS = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
"""Function that formats a table, for each file ending."""


def _number(value: float, column: Column) -> str:
    """Format a number for readers, scaled by the column's factor; `n/a`, `inf` or `-inf` where it is not finite."""
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


def _has_estimates(table: Table, place: int) -> bool:
    return any(isinstance(row[place], Estimate) for row in table.rows)


def _is_numeric(table: Table, place: int) -> bool:
    return all(row[place] is None or isinstance(row[place], int | float | Estimate) for row in table.rows)


def _fields(cell: Cell, is_spread: bool) -> Iterator[str]:
    if isinstance(cell, Estimate):
        yield from (_exact(number) for number in (cell.value, cell.low, cell.high))
    else:
        yield _exact(cell) if isinstance(cell, float) else "" if cell is None else _harmless(cell)
        if is_spread:
            yield from ("", "")


def _harmless(cell: str | int) -> str:
    """Return a CSV field that no spreadsheet evaluates: a text that begins like a formula gets a leading apostrophe."""
    text = re.sub(r"\r\n?", "\n", str(cell))  # csv does not quote a carriage return
    if isinstance(cell, int) or NUMBER.fullmatch(text) or not text:
        return text
    return f"'{text}" if text[0] in BLANKS or text[0] in FORMULA else text


def _exact(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    """Escape text for Markdown, so that it is shown without markup, links or mentions of people.

    GitHub turns addresses into links even without markup and after a backslash. An empty HTML comment between two
    characters of the address prevents the link, and is invisible on the page.
    """
    for sign in "\\|<>*_`[]!~":
        text = text.replace(sign, f"\\{sign}")
    text = AUTOLINK.sub(lambda found: f"{found[0][:-1]}<!-- -->{found[0][-1]}", text)
    return text.replace("\n", " ")


def _markdown_cell(cell: Cell, column: Column) -> str:
    text = cell_text(cell, column)
    return text if isinstance(cell, Estimate) else _markdown(text)


def _latex(text: str) -> str:
    """Escape text for LaTeX, as ASCII: pdfLaTeX stops at most other characters, whatever its input encoding."""
    return "".join(map(_latex_sign, text))


def _latex_sign(sign: str) -> str:
    if sign in LATEX:
        return LATEX[sign]
    if sign.isascii():
        return sign if sign.isprintable() else " "
    apart = unicodedata.normalize("NFD", sign)
    letter, accent = apart[:1], apart[1:]
    if letter.isascii() and accent in ACCENTS:
        return f"{ACCENTS[accent]}{{{letter}}}"
    return rf"\texttt{{U+{ord(sign):04X}}}"
