"""Write a table as CSV for programs, Markdown for a README, LaTeX for a paper; and cells as text for all of them."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterator

from rpt.report.table import Cell, Column, Table
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
"""What LaTeX would read otherwise or stop on. Of what is not ASCII, rpt's own words hold the first two; the rest comes
with names and messages."""

AUTOLINK = re.compile(r":/|www\.|@\w|#\d", re.IGNORECASE)
"""Where GitHub would begin a link: an address, a mail address, a mention or the number of an issue."""

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
"""Of letters that are one in ASCII with one accent; any other sign is written by its code point, `U+4E2D`."""


FORMULA = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH COMMERCIAL AT}")
"""First signs of a cell that a spreadsheet may compute instead of showing."""

BLANKS = " \t\r\n"
"""Signs that a spreadsheet may drop in front of a formula."""

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
"""A number as text: negative learning rates and exponents are shown as they are."""

SMALL = 3
"""Digits from which on a number that is not zero must not be shown as zero: a p."""


def cell_text(cell: Cell, column: Column) -> str:
    """A cell for people: `70.3 [68.1, 72.5]`; without brackets where there is no interval, empty for None.

    With three digits and more, a number above zero that would round to it is written as `<0.001`.
    """
    if cell is None:
        return ""
    if isinstance(cell, Estimate):
        value = _number(cell.value, column)
        if not cell.has_interval:
            return value
        return f"{value} [{_number(cell.low, column)}, {_number(cell.high, column)}]"
    if isinstance(cell, float):
        return _number(cell, column)
    return str(cell)


def to_csv(table: Table) -> str:
    """Full precision, unscaled; an estimate `name` becomes `name`, `name_low`, `name_high`.

    Missing numbers are empty fields. The first column, `data`, says on every line where the rows came from, so that
    lines of sample rows are told from others wherever they are put together.
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
    """A heading, the table, its caption."""
    lines = [f"## {_markdown(table.title)}", ""]
    lines.append(_line(_markdown(column.title) for column in table.columns))
    lines.append(_line("---:" if _is_numeric(table, place) else "---" for place in range(len(table.columns))))
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        lines.append(_line(_markdown_cell(cell, column) for cell, column in cells))
    return "\n".join([*lines, "", _markdown(table.caption), ""])


def to_latex(table: Table) -> str:
    """A `table` environment with the rules of LaTeX's package booktabs."""
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
"""By the ending of the file."""


def _number(value: float, column: Column) -> str:
    """A number for people, scaled; what is not finite says so."""
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
    """A field that no spreadsheet takes for a formula: text that begins like one gets an apostrophe in front."""
    text = re.sub(r"\r\n?", "\n", str(cell))  # csv does not quote a carriage return
    if isinstance(cell, int) or NUMBER.fullmatch(text) or not text:
        return text
    return f"'{text}" if text[0] in BLANKS or text[0] in FORMULA else text


def _exact(value: float) -> str:
    return "" if math.isnan(value) else repr(float(value))


def _line(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    """Text as Markdown shows it: no markup, no link, no mention of a person.

    GitHub makes links of addresses without any markup, also behind a backslash. An empty comment between their signs
    prevents that, and a reader of the page sees nothing of it.
    """
    for sign in "\\|<>*_`[]!~":
        text = text.replace(sign, f"\\{sign}")
    text = AUTOLINK.sub(lambda found: f"{found[0][:-1]}<!-- -->{found[0][-1]}", text)
    return text.replace("\n", " ")


def _markdown_cell(cell: Cell, column: Column) -> str:
    text = cell_text(cell, column)
    return text if isinstance(cell, Estimate) else _markdown(text)


def _latex(text: str) -> str:
    """Text as LaTeX reads it, in ASCII alone: pdfLaTeX stops on most other signs, whatever its input encoding."""
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
