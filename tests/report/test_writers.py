"""Tables as CSV, Markdown and LaTeX."""

import csv
import html
import io
import math
import re
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rpt.report.tables.table import Column, Table
from rpt.report.tables.writers import cell_text, to_csv, to_latex, to_markdown
from rpt.stats.estimate import Estimate

TABLE = Table(
    "odd",
    "50 % & more_",
    "SAMPLE {x}",
    [Column("name", "name"), Column("score", "a|b", scale=100.0), Column("p", "p", 3), Column("n", "n")],
    [
        ["<script>_", Estimate(0.61234567, 0.5, 0.7, 3), 0.0001, 1],
        ["x,y", Estimate(0.6, math.nan, math.nan, 1), None, 2],
    ],
)


def test_csv_keeps_every_digit():
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows == [
        ["name", "score", "score_low", "score_high", "p", "n"],
        ["<script>_", "0.61234567", "0.5", "0.7", "0.0001", "1"],
        ["x,y", "0.6", "", "", "", "2"],
    ]


def test_every_line_of_a_csv_file_has_the_data_source():
    rows = list(csv.reader(io.StringIO(to_csv(replace(TABLE, data="hub")))))
    assert [row[0] for row in rows] == ["data", "hub", "hub"]
    assert [row[1:] for row in rows] == list(csv.reader(io.StringIO(to_csv(TABLE))))


def test_markdown_escapes_its_special_characters():
    assert to_markdown(TABLE) == (
        "## 50 % & more\\_\n\n| name | a\\|b | p | n |\n| --- | ---: | ---: | ---: |\n"
        "| \\<script\\>\\_ | 61.2 [50.0, 70.0] | \\<0.001 | 1 |\n| x,y | 60.0 |  | 2 |\n\nSAMPLE {x}\n"
    )


def test_latex_escapes_its_special_characters():
    text = to_latex(TABLE)
    assert r"\caption{50 \% \& more\_. SAMPLE \{x\}}" in text
    assert r"name & a\textbar{}b & p & n \\" in text
    assert r"\textless{}script\textgreater{}\_ & 61.2 [50.0, 70.0] & \textless{}0.001 & 1 \\" in text
    assert r"\begin{tabular}{lrrr}" in text


@pytest.mark.slow
@given(st.text())
def test_latex_is_ascii_for_any_text_in_a_cell(text):
    latex = to_latex(Table("any", "Any", "", [Column("x", "x")], [[text]]))
    assert latex.isascii()
    assert all(sign.isprintable() or sign == "\n" for sign in latex)
    assert latex.count("\n") == to_latex(Table("any", "Any", "", [Column("x", "x")], [["x"]])).count("\n")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex: apt install texlive-latex-recommended")
def test_latex_compiles(tmp_path):
    source = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{to_latex(TABLE)}\end{{document}}"
    (tmp_path / "a.tex").write_text(source)
    done = subprocess.run(["pdflatex", "-halt-on-error", "a.tex"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode()


@pytest.mark.parametrize(
    ("cell", "decimals", "text"),
    [
        (None, 1, ""), (3, 1, "3"), (0.0, 3, "0.000"), (-0.0001, 1, "0.0"), (math.nan, 1, "n/a"), (math.inf, 1, "inf"),
        (-math.inf, 1, "-inf"), (0.0004, 3, "<0.001"), (1.25, 0, "1"), ("a", 1, "a"),
    ],
)  # fmt: skip
def test_cells_are_formatted_for_readers(cell, decimals, text):
    assert cell_text(cell, Column("x", "x", decimals)) == text


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        " =1",
        "\n@x",
        "\N{FULLWIDTH EQUALS SIGN}1",
    ],
)
def test_a_field_that_a_spreadsheet_would_read_as_a_formula_is_quoted(text):
    """The parameters have the characters that OWASP lists, also after white space."""
    table = Table("odd", "Odd", "", [Column("x", "x")], [[text]])
    (_, (field,)) = csv.reader(io.StringIO(to_csv(table), newline=""))
    assert field == f"'{text}".replace("\r", "\n")


@pytest.mark.parametrize("cell", ["-0.5", "+3", "1e-05", "-1E+9", ".5", "null", "a=b", "cb-sample", "", -3])
def test_a_field_that_is_no_formula_is_not_changed(cell):
    table = Table("odd", "Odd", "", [Column("x", "x"), Column("y", "y")], [[cell, 1]])
    assert next(csv.DictReader(io.StringIO(to_csv(table))))["x"] == str(cell)


@pytest.mark.parametrize(
    "text",
    [
        "[click](https://example.org)", "![x](https://example.org/x.png)", "https://example.org", "HTTP://example.org",
        "www.example.org", "<https://example.org>", "somebody@example.org", "@somebody", "#12", "[x]: https://example.org",
        "<a href='https://example.org'>x</a>", "ftp://example.org", "mailto://x",
    ],
)  # fmt: skip
def test_markdown_has_no_live_link(text):
    table = Table("odd", text, text, [Column("x", text)], [[text]])
    markdown = to_markdown(table)
    page = MarkdownIt("commonmark").enable("table").render(markdown)
    assert not re.search(r"<(a|img)\b", page)
    without_comments = html.unescape(re.sub(r"<!-- -->", "", page))
    assert text in without_comments  # a reader sees the unchanged text
    # GitHub turns URLs, mentions and issue numbers into links, unless a comment interrupts them.
    assert not any(re.search(r"://|www\.|\w@\w|(?<!\w)@\w|#\d", part) for part in re.split("<!-- -->", markdown))
