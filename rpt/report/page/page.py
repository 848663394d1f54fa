"""Render the report's page: one HTML file that works offline and makes no request.

The page's content security policy allows only the pictures embedded in the file and its own style and script. Markup in
the name of a run therefore cannot load or execute anything.
"""

from __future__ import annotations

import base64
import hashlib
import math
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rpt.console import several
from rpt.report.figures import Figure
from rpt.report.read.diagnostics import Diagnosis
from rpt.report.read.study import Study
from rpt.report.say.answer import Paragraph
from rpt.report.say.facts import commands, facts
from rpt.report.say.headline import Headline, without_headline
from rpt.report.say.words import SAMPLE
from rpt.report.tables.nearest import nearest_tables
from rpt.report.tables.table import Cell, Column, Table
from rpt.report.tables.writers import WRITERS, cell_text, interval_text
from rpt.stats.estimate import Estimate

SECTIONS = (
    ("sensitivity", "Main result", ("score-",), ()),
    ("profile", "Share of runs above a score", ("profile", "improvement"), ("improvement",)),
    ("robustness", "Robustness", ("intervals",), ("intervals", "robustness")),
    ("comparisons", "Comparisons", ("differences",), ("comparisons", "comparisons_by_value")),
    ("convergence", "Convergence", ("convergence",), ("convergence", "paces")),
    ("scores", "Scores of every point", (), ("scores", "baselines", "comparisons_by_point")),
    ("diagnostics", "Prompt diagnostics", ("prompt-",), ("diagnostics",)),
)
"""Sections of the page, each with its id, title, prefixes of figure names, and table names."""

FOLDER = "folder"
"""Name of the column with run folders. The page turns its cells into links."""


@dataclass(frozen=True)
class CellView:
    """A cell as the page shows it.

    Attributes:
        text: Value as text.
        interval: Confidence interval in brackets, shown after the value; empty for a value without an interval.
        order: Sort key: a number that JavaScript can parse, or the text; empty for an empty cell.
        href: Address that the cell links to; None for a cell without a link.
        is_number: Whether the cell is aligned to the right, as numbers and empty cells are.
    """

    text: str
    interval: str
    order: str
    href: str | None
    is_number: bool


@dataclass(frozen=True)
class TableView:
    """A `rpt.report.tables.table.Table` as the page shows it. `files` are pairs of a file ending and an address."""

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[CellView]]
    files: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class FigureView:
    """A `rpt.report.figures.Figure` as the page shows it.

    `source` is the figure as a data URI. `files` are pairs of a file ending and an address.
    """

    name: str
    title: str
    caption: str
    alt: str
    source: str
    is_wide: bool
    files: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PageSection:
    """A section of the page: a heading with figures and tables."""

    name: str
    title: str
    figures: Sequence[FigureView]
    tables: Sequence[TableView]


def render(
    study: Study,
    tables: Sequence[Table],
    answer: Sequence[Paragraph],
    figures: Sequence[Figure],
    diagnoses: Sequence[Diagnosis],
    *,
    headline: Headline,
    out: Path,
    command: str,
) -> str:
    """Render the page as HTML. The same arguments always give the same text.

    Args:
        study: Study that the report is about.
        tables: Tables of the study, from `rpt.report.tables.study.tables`. The page links their files in `tables/`.
        answer: Paragraphs of the answer, from `rpt.report.say.answer.answer`.
        figures: Figures of the study, from `rpt.report.figures.draw`. The page links their files in `figures/`.
        diagnoses: Training curves and prompts of the study, from `rpt.report.read.diagnostics.diagnose`.
        headline: Sentence and number at the top of the page, from `rpt.report.say.headline.headline`.
        out: Folder that the page will be written to; links to run folders are relative to it.
        command: Command that made the report, for the page's list of commands.
    """
    environment = Environment(
        loader=PackageLoader("rpt.report.page"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    style, script = (_asset(environment, name) for name in ("page.css", "page.js"))
    views = [_table(study, table, out) for table in tables]
    drawn = [_figure(figure) for figure in figures]
    return environment.get_template("page.html.j2").render(
        study=study,
        policy=_policy(style, script),
        style=style,
        script=script,
        answer=without_headline(answer, headline.sentence),
        headline=headline,
        main=drawn[0] if drawn else None,
        facts=facts(study),
        commands=commands(study, command),
        sections=_sections(views, drawn[1:]),
        figures=drawn,
        tables=views,
        runs=next((view for view in views if view.name == "runs"), None),
        nearest=nearest_tables(study, diagnoses),
        unfinished=[(folder.name, _link(folder, out), reason) for folder, reason in study.unfinished.items()],
        stopped=[(folder.name, _link(folder, out), reason) for folder, reason in study.stopped.items()],
        damaged=study.damaged,
        several=several,
    )


def _sections(tables: Sequence[TableView], figures: Sequence[FigureView]) -> list[PageSection]:
    sections = [
        PageSection(
            name,
            title,
            [figure for figure in figures if figure.name.startswith(prefixes)],
            [table for table_name in names for table in tables if table.name == table_name],
        )
        for name, title, prefixes, names in SECTIONS
    ]
    placed = {"runs", *(name for *_, names in SECTIONS for name in names)}
    sections.append(
        PageSection("further", "Further tables", [], [table for table in tables if table.name not in placed])
    )
    return [section for section in sections if section.figures or section.tables]


def _table(study: Study, table: Table, out: Path) -> TableView:
    """Convert a table for the page. In a study of one task, leave out the task's column: the heading names the task."""
    folders = {run.folder.name: run.folder for run in (*study.runs, *study.baselines)}
    is_shown = [len(study.tasks) > 1 or column.name != "task" for column in table.columns]
    columns = [column for column, shown in zip(table.columns, is_shown, strict=True) if shown]
    rows = []
    for row in table.rows:
        cells = [cell for cell, shown in zip(row, is_shown, strict=True) if shown]
        rows.append([_cell(cell, column, folders, out) for cell, column in zip(cells, columns, strict=True)])
    files = [(ending, f"tables/{quote(table.name)}.{ending}") for ending in WRITERS]
    caption = table.caption.removeprefix(SAMPLE).strip()  # the page marks sample data once, at its top
    return TableView(table.name, table.title, caption, columns, rows, files)


def _cell(cell: Cell, column: Column, folders: dict[str, Path], out: Path) -> CellView:
    href = _link(folders[cell], out) if column.name == FOLDER and isinstance(cell, str) and cell in folders else None
    value = cell.value if isinstance(cell, Estimate) else cell
    is_number = value is None or not isinstance(value, str) or _is_number(value)
    order = "" if value is None else "Infinity" if value == math.inf else str(value)  # JavaScript cannot parse `inf`
    return CellView(cell_text(value, column), interval_text(cell, column), order, href, is_number)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", text) is not None


def _figure(figure: Figure) -> FigureView:
    source = f"data:image/svg+xml;base64,{base64.b64encode(figure.files['svg']).decode()}"
    files = [(ending, f"figures/{quote(figure.name)}.{ending}") for ending in figure.files]
    return FigureView(figure.name, figure.title, figure.caption, figure.alt, source, figure.is_wide, files)


def _link(folder: Path, out: Path) -> str:
    return quote(Path(os.path.relpath(folder.resolve(), out.resolve())).as_posix()) + "/"


def _asset(environment: Environment, name: str) -> Markup:
    """Return a style sheet or script, marked so that the template does not escape it."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _policy(style: str, script: str) -> str:
    """Return the content security policy: it allows embedded pictures, and the style and script by their sha256."""
    checksums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{checksums[0]}'; script-src 'sha256-{checksums[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
