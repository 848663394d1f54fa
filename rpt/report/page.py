"""The report's page: one HTML file that opens offline and asks nobody for anything.

Its security policy lets it load nothing but the pictures inside it, and run nothing but its own script, so a run's name
can do no harm.
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
from rpt.report.answer import Paragraph
from rpt.report.diagnostics import Diagnosis
from rpt.report.facts import commands, facts
from rpt.report.figures import Figure
from rpt.report.headline import Headline, without_headline
from rpt.report.nearest import nearest_tables
from rpt.report.study import Study
from rpt.report.table import Cell, Column, Table
from rpt.report.words import SAMPLE
from rpt.report.writers import WRITERS, cell_text
from rpt.stats.estimate import Estimate

SECTIONS = (
    ("sensitivity", "Main result", "score-", ()),
    ("robustness", "Robustness", "robustness", ("robustness",)),
    ("comparisons", "Comparisons", "differences", ("comparisons", "comparisons_by_value")),
    ("convergence", "Convergence", "convergence", ("convergence", "paces")),
    ("scores", "Scores of every point", None, ("scores", "baselines", "comparisons_by_point")),
    ("diagnostics", "Prompt diagnostics", "prompt-", ("diagnostics",)),
)
"""Id, title, how the names of its figures begin, its tables."""

FOLDER = "folder"
"""The column that names a run's folder, which the page links."""


@dataclass(frozen=True)
class CellView:
    """A cell as the page shows it.

    Attributes:
        text: The value.
        interval: In brackets behind it, or empty.
        order: What the column is sorted by: a number where it is one.
        href: Where it leads; None for text.
        is_number: Whether it stands to the right.
    """

    text: str
    interval: str
    order: str
    href: str | None
    is_number: bool


@dataclass(frozen=True)
class TableView:
    """A table as the page shows it; see `rpt.report.table.Table`."""

    name: str
    title: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[CellView]]
    files: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class FigureView:
    """A figure as the page shows it; see `rpt.report.figures.Figure`."""

    name: str
    title: str
    caption: str
    alt: str
    source: str
    is_wide: bool
    files: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """A part of the page, with a heading of its own."""

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
    """Render the page; equal studies give equal bytes.

    Args:
        study: The study.
        tables: Of `rpt.report.tables`.
        answer: Of `rpt.report.answer`.
        figures: Of `rpt.report.figures.draw`; their files are expected in `figures/` beside the page.
        diagnoses: Of `rpt.report.diagnostics`.
        headline: Of `rpt.report.headline`.
        out: The folder that the page will lie in, for links to run folders; the tables' files are in its `tables/`.
        command: What made the report.
    """
    environment = Environment(
        loader=PackageLoader("rpt.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
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
        several=several,
    )


def _sections(tables: Sequence[TableView], figures: Sequence[FigureView]) -> list[Section]:
    found = [
        Section(
            name,
            title,
            [figure for figure in figures if prefix is not None and figure.name.startswith(prefix)],
            [table for wanted in names for table in tables if table.name == wanted],
        )
        for name, title, prefix, names in SECTIONS
    ]
    placed = {"runs", *(name for *_, names in SECTIONS for name in names)}
    found.append(Section("further", "Further tables", [], [table for table in tables if table.name not in placed]))
    return [section for section in found if section.figures or section.tables]


def _table(study: Study, table: Table, out: Path) -> TableView:
    """A table without the task where there is only one: the heading of the page has said it."""
    folders = {run.folder.name: run.folder for run in (*study.runs, *study.baselines)}
    is_shown = [len(study.tasks) > 1 or column.name != "task" for column in table.columns]
    columns = [column for column, shown in zip(table.columns, is_shown, strict=True) if shown]
    rows = []
    for row in table.rows:
        cells = [cell for cell, shown in zip(row, is_shown, strict=True) if shown]
        rows.append([_cell(cell, column, folders, out) for cell, column in zip(cells, columns, strict=True)])
    files = [(ending, f"tables/{quote(table.name)}.{ending}") for ending in WRITERS]
    caption = table.caption.removeprefix(SAMPLE).strip()  # the page says it once, at its top
    return TableView(table.name, table.title, caption, columns, rows, files)


def _cell(cell: Cell, column: Column, folders: dict[str, Path], out: Path) -> CellView:
    text, _, interval = cell_text(cell, column).partition(" [") if isinstance(cell, Estimate) else (
        cell_text(cell, column), "", "")  # fmt: skip
    href = _link(folders[cell], out) if column.name == FOLDER and isinstance(cell, str) and cell in folders else None
    number = cell.value if isinstance(cell, Estimate) else cell
    is_number = number is None or not isinstance(number, str) or _is_number(number)
    order = "" if number is None else "Infinity" if number == math.inf else str(number)  # as JavaScript reads it
    return CellView(text, f"[{interval}" if interval else "", order, href, is_number)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?\d+(\.\d+)?(e[-+]?\d+)?", text) is not None


def _figure(figure: Figure) -> FigureView:
    source = f"data:image/svg+xml;base64,{base64.b64encode(figure.files['svg']).decode()}"
    files = [(ending, f"figures/{quote(figure.name)}.{ending}") for ending in figure.files]
    return FigureView(figure.name, figure.title, figure.caption, figure.alt, source, figure.is_wide, files)


def _link(folder: Path, out: Path) -> str:
    return quote(Path(os.path.relpath(folder.resolve(), out.resolve())).as_posix()) + "/"


def _asset(environment: Environment, name: str) -> Markup:
    """A style sheet or script, which goes into the page as it is."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])


def _policy(style: str, script: str) -> str:
    """What the page may load: the pictures inside it, and the style and script with these checksums."""
    checksums = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script)]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{checksums[0]}'; script-src 'sha256-{checksums[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
