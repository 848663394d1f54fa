"""Forest plots: a bar for each interval, with a tick at the estimate, in groups of rows with a heading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rpt.report.figures.figure import COLUMN, PAGE, Figure, blank, finish
from rpt.report.figures.styles import Look
from rpt.report.read.study import Study
from rpt.report.say.words import listed
from rpt.stats.estimate import Estimate

ROW = 0.19
"""Height of a row of a forest plot, in inches."""

HEADING = 0.45
"""Height of a group's heading and of the numbers below the group, in inches."""

MOST_ROWS = 42
"""Largest number of rows of a figure, headings included, that fits a page. Further rows go into further figures."""

ROWS_OF_HEADING = 2
"""Height of a heading and of the numbers below its group, as a number of rows."""


@dataclass(frozen=True)
class ForestRow:
    """A row of a forest plot: label, colour and marker, and an estimate for each column (None for an empty cell)."""

    label: str
    look: Look
    estimates: Sequence[Estimate | None]


Groups = Mapping[str, list[ForestRow]]
"""Rows by the heading of their group."""


@dataclass(frozen=True)
class Forest:
    """Texts and scale of a forest plot.

    Attributes:
        name: Name of the figure's files without ending.
        title: Quantity that the figure shows.
        caption: Explanation of the bars.
        columns: Title of each column, with the unit.
        line: Value with a vertical line, such as 0 for differences; None for no line.
        ends: Ends of the horizontal axis; None for ends that fit the numbers.
        decimals: Number of decimals in the text alternative.
    """

    name: str
    title: str
    caption: str
    columns: Sequence[str]
    line: float | None = None
    ends: tuple[float, float] | None = None
    decimals: int = 1


def draw_forest(study: Study, forest: Forest, groups: Groups) -> list[Figure]:
    """Draw groups of rows. All columns of a group have the same scale; different groups may have different scales.

    Rows that do not fit a page are drawn in further figures. The caption then has the figure's number and the number of
    figures.
    """
    pages = [*_pages(groups)]
    return [_draw(study, forest, page, number, len(pages)) for number, page in enumerate(pages, 1)]


def scaled(estimate: Estimate, scale: float) -> Estimate:
    """Multiply an estimate and the ends of its interval by a factor."""
    low, high = scale * estimate.low, scale * estimate.high
    return Estimate(scale * estimate.value, low, high, estimate.seeds, estimate.level)


def _draw(study: Study, forest: Forest, groups: Groups, number: int, count: int) -> Figure:
    heights = [HEADING + ROW * len(rows) for rows in groups.values()]
    width = COLUMN if len(forest.columns) == 1 else PAGE
    drawing = blank(width, 0.4 + sum(heights), is_sample=study.is_sample)
    axes = drawing.subplots(
        len(groups), len(forest.columns), sharey="row", sharex="row", squeeze=False, height_ratios=heights
    )
    for of_group, (heading, rows) in zip(axes, groups.items(), strict=True):
        for column, ax in enumerate(of_group):
            _dress(ax, forest, [row.label for row in rows])
            for place, row in enumerate(rows):
                _bar(ax, place, row.estimates[column], row.look)
        _title(of_group[0], heading)
    for ax, title in zip(axes[-1], forest.columns, strict=True):
        ax.set_xlabel(title)
    name = f"{forest.name}-{number}" if count > 1 else forest.name
    caption = f"{forest.caption} Figure {number} of {count}." if count > 1 else forest.caption
    return finish(drawing, name, forest.title, caption, f"{forest.title}. {_say(forest, groups)}")


def _pages(groups: Groups) -> Iterator[Groups]:
    """Yield the groups of each figure: at most `MOST_ROWS` rows and headings, unless a single group has more."""
    page: dict[str, list[ForestRow]] = {}
    for heading, rows in groups.items():
        taken = sum(len(own) + ROWS_OF_HEADING for own in page.values())
        if page and taken + len(rows) + ROWS_OF_HEADING > MOST_ROWS:
            yield page
            page = {}
        page[heading] = rows
    if page:
        yield page


def _dress(ax: Axes, forest: Forest, labels: Sequence[str]) -> None:
    ax.use_sticky_edges = False  # otherwise the axis would end where the longest bar begins
    if forest.line is not None:
        ax.axvline(forest.line, color="#444444", linewidth=0.8, zorder=1)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
    ax.grid(visible=False, axis="y")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_yticks(range(len(labels)), labels)
    if forest.ends is not None:
        ax.set_xlim(*forest.ends)


def _title(ax: Axes, text: str) -> None:
    """Write a group's heading above its first panel, over the row labels."""
    ax.annotate(text, (0, 1), (-2, 3), "axes fraction", "offset points", ha="left", va="bottom", fontsize=7,
                fontweight="bold", annotation_clip=False)  # fmt: skip


def _bar(ax: Axes, place: int, estimate: Estimate | None, look: Look) -> None:
    """Draw an interval as a bar with a tick at the estimate; an estimate without an interval is a marker."""
    if estimate is None:
        return
    if estimate.has_interval:
        ax.barh(place, estimate.high - estimate.low, 0.56, estimate.low, color=look.colour, alpha=0.6, linewidth=0)
        ax.vlines(estimate.value, place - 0.36, place + 0.36, color="black", linewidth=1.3, zorder=3)
    else:
        ax.plot([estimate.value], [place], color=look.colour, marker=look.marker, markersize=5, linestyle="none")


def _say(forest: Forest, groups: Groups) -> str:
    """Return the text alternative: every number of the figure."""
    sentences = []
    for number, column in enumerate(forest.columns):
        for name, rows in groups.items():
            values = [
                f"{row.label} {_text(estimate, forest.decimals)}"
                for row in rows
                if (estimate := row.estimates[number]) is not None
            ]
            if values:
                sentences.append(f"{name}, {column}: {listed(values)}.")
    return " ".join(sentences)


def _text(estimate: Estimate, decimals: int) -> str:
    value, low, high = (f"{number:z.{decimals}f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]" if estimate.has_interval else value
