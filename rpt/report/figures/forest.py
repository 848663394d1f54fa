"""Forest plots: robustness of each encoder and differences between encoders, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rpt.report.figures.figure import COLUMN, PAGE, Figure, blank, finish
from rpt.report.figures.styles import Look, heading, looks_of
from rpt.report.measure.along import asked_axes
from rpt.report.measure.comparisons import Pair
from rpt.report.measure.numbers import Numbers, Robustness
from rpt.report.read.run import POINTS
from rpt.report.read.study import Study
from rpt.report.say.words import listed, value_text
from rpt.report.tables.columns import has_intervals
from rpt.stats.estimate import Estimate

ROW = 0.19
"""Height of a row of a forest plot, in inches."""

MOST_ROWS = 42
"""Largest number of rows of a figure, headings included, that fits a page. Further rows go into further figures."""


UNADJUSTED = (
    "Bars are 95 % intervals for new seeds and new examples, not adjusted for the number of comparisons; the table has "
    "the adjusted p."
)
"""Sentence in the caption of every figure of differences."""


@dataclass(frozen=True)
class Quantity:
    """A column of a forest plot that shows a measure of robustness.

    Attributes:
        title: Title of the column, with the unit.
        scale: Factor from the estimate to the unit of the column.
        of: Function that returns the estimate of a curve, or None if the curve has no such estimate.
    """

    title: str
    scale: float
    of: Callable[[Robustness], Estimate | None]


QUANTITIES = (
    Quantity("average (points)", POINTS, lambda numbers: numbers.average),
    Quantity("worst case (points)", POINTS, lambda numbers: numbers.worst),
    Quantity("failed runs (%)", POINTS, lambda numbers: numbers.failed),
)


@dataclass(frozen=True)
class ForestRow:
    """A row of a forest plot: label, colour and marker, and an estimate for each column (None for an empty cell)."""

    label: str
    look: Look
    estimates: Sequence[Estimate | None]


RowGroup = tuple[str, list[ForestRow]]


def robustness_forest(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw average, worst case and failed share of each encoder. Without a sweep over an axis, there is no figure."""
    swept = [entry for entry in numbers.robustness if len(entry.curve.points) > 1]
    quantities = [quantity for quantity in QUANTITIES if any(quantity.of(entry) is not None for entry in swept)]
    if not swept:
        return []
    looks = looks_of(study)
    groups: dict[str, list[ForestRow]] = {}
    for entry in swept:
        row = ForestRow(entry.method, looks[entry.method], [_scaled(quantity, entry) for quantity in quantities])
        groups.setdefault(heading(study, entry.task, entry.curve.setting), []).append(row)
    axis = study.axes[0].label
    titles = [quantity.title for quantity in quantities]
    caption = f"Points are estimates. Average and worst case: over the points of the sweep along {axis}."
    if has_intervals(study):
        caption += (
            " Bars are 95 % intervals for new seeds and new examples (for shares: Wilson's, as if all runs were "
            "independent)."
        )
    alt = f"Robustness of each encoder to {axis}. "
    title = f"Robustness to {axis}"
    return [_draw(study, name, title, caption, alt, page, titles) for name, page in _pages("robustness", groups)]


def differences(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw the score of each panel's leading encoder minus the score of each other encoder.

    Scores are averaged over the sweep. On a task without a sweep, the score of each encoder or baseline is taken at the
    point that the held-out rows choose.
    """
    swept = {pair.task for pair in numbers.sweep}
    single = [pair for pair in numbers.tuned if pair.task not in swept]
    pairs = [*numbers.sweep, *single]
    if not pairs:
        return []
    looks = looks_of(study)
    panels: dict[str, list[Pair]] = {}
    for pair in pairs:
        panels.setdefault(heading(study, pair.task, pair.setting), []).append(pair)
    leaders = {name: _leader(study, of_panel) for name, of_panel in panels.items()}
    groups = {
        name: [
            ForestRow(f"{pair.first} - {pair.second}", looks[pair.second], [_times(pair.comparison.difference, POINTS)])
            for pair in of_panel
            if pair.first == leaders[name]
        ]
        for name, of_panel in panels.items()
    }
    tuned = "each at the point that the held-out rows choose"
    over = "averaged over the sweep" if swept else tuned
    if swept and single:
        over += f" (on {listed([*dict.fromkeys(pair.task for pair in single)])} {tuned})"
    caption = f"Difference in score, {over}, paired by seed and example."
    if has_intervals(study):
        caption += f" {UNADJUSTED}"
    names = list(dict.fromkeys(leaders.values()))
    title = f"Score of {names[0] if len(names) == 1 else 'one encoder'} less that of the others"
    alt = f"{title}, {over}. "
    return [
        _draw(study, name, title, caption, alt, page, ["difference (points)"], zero=True)
        for name, page in _pages("differences", groups)
    ]


def _leader(study: Study, pairs: Sequence[Pair]) -> str:
    """Return the encoder that a panel compares with the others: the study's leader, or else the first encoder."""
    return study.leader if any(pair.first == study.leader for pair in pairs) else pairs[0].first


def differences_by_value(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw the difference in score between two values of an axis, for each axis that the study asks about."""
    looks, labels = looks_of(study), {axis.key: axis.label for axis in study.axes}
    figures: list[Figure] = []
    for axis in asked_axes(study):
        groups: dict[str, list[ForestRow]] = {}
        for pair in numbers.by_value:
            if pair.axis == axis.key:
                label = f"{pair.first}: {value_text(pair.first_value)} - {value_text(pair.second_value)}"
                row = ForestRow(label, looks[pair.first], [_times(pair.comparison.difference, POINTS)])
                groups.setdefault(heading(study, pair.task, pair.setting), []).append(row)
        caption = f"Difference in score between two values of {labels[axis.key]}, paired by seed and example."
        if has_intervals(study):
            caption += f" {UNADJUSTED}"
        title = f"Score along {labels[axis.key]}, one value less another"
        name = f"differences-by-{axis.key.replace('.', '-')}"
        figures += [
            _draw(study, page_name, title, caption, f"{title}. ", page, ["difference (points)"], zero=True)
            for page_name, page in _pages(name, groups)
            if page
        ]
    return figures


def _draw(
    study: Study,
    name: str,
    title: str,
    caption: str,
    alt: str,
    groups: Sequence[RowGroup],
    columns: Sequence[str],
    *,
    zero: bool = False,
) -> Figure:
    heights, labels, headings = _places(groups)
    total = 0.75 + ROW * (len(heights) + len(headings))
    drawing = blank(COLUMN if len(columns) == 1 else PAGE, total, is_sample=study.is_sample)
    axes = drawing.subplots(1, len(columns), sharey=True, squeeze=False).ravel()
    rows = [row for _, own in groups for row in own]
    for number, (ax, column) in enumerate(zip(axes, columns, strict=True)):
        for height, row in zip(heights, rows, strict=True):
            _bar(ax, height, row.estimates[number], row.look)
        if zero:
            ax.axvline(0, color="#444444", linewidth=0.8, zorder=1)
        ax.set_xlabel(column)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5))
        ax.grid(visible=False, axis="y")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
    axes[0].set_ylim(max(heights) + 0.7, min([*heights, *headings.values()]) - 0.7)
    axes[0].set_yticks(heights, labels)
    for text, top in headings.items():
        axes[0].annotate(text, (0, top), (-6, 0), ("axes fraction", "data"), "offset points", ha="right", va="center",
                         fontsize=6.5, fontweight="bold")  # fmt: skip
    return finish(drawing, name, title, caption, alt + _say(groups, columns))


def _pages(name: str, groups: Mapping[str, list[ForestRow]]) -> Iterator[tuple[str, list[RowGroup]]]:
    """Yield name and groups of each figure: at most `MOST_ROWS` rows and headings, unless a single group has more."""
    pages: list[list[RowGroup]] = [[]]
    for group in groups.items():
        taken = sum(len(rows) + 1 for _, rows in pages[-1])
        if taken and taken + len(group[1]) + 1 > MOST_ROWS:
            pages.append([])
        pages[-1].append(group)
    for number, page in enumerate(pages, 1):
        yield (f"{name}-{number}" if len(pages) > 1 else name), page


def _bar(ax: Axes, height: float, estimate: Estimate | None, look: Look) -> None:
    if estimate is None:
        return
    if estimate.has_interval:
        ax.hlines(height, estimate.low, estimate.high, color=look.colour, linewidth=1.6)
    ax.plot([estimate.value], [height], color=look.colour, marker=look.marker, markersize=5,
            markeredgecolor="white", markeredgewidth=0.6, zorder=3)  # fmt: skip


def _places(groups: Sequence[RowGroup]) -> tuple[list[float], list[str], dict[str, float]]:
    """Return the vertical positions and labels of the rows, and the position of each group's heading."""
    heights: list[float] = []
    labels: list[str] = []
    headings: dict[str, float] = {}
    height = 0.0
    for name, rows in groups:
        headings[name] = height
        height += 1
        for row in rows:
            heights.append(height)
            labels.append(row.label)
            height += 1
    return heights, labels, headings


def _scaled(quantity: Quantity, numbers: Robustness) -> Estimate | None:
    estimate = quantity.of(numbers)
    return None if estimate is None else _times(estimate, quantity.scale)


def _times(estimate: Estimate, scale: float) -> Estimate:
    low, high = scale * estimate.low, scale * estimate.high
    return Estimate(scale * estimate.value, low, high, estimate.seeds, estimate.level)


def _say(groups: Sequence[RowGroup], columns: Sequence[str]) -> str:
    sentences = []
    for number, column in enumerate(columns):
        for name, rows in groups:
            values = [
                f"{row.label} {_text(estimate)}" for row in rows if (estimate := row.estimates[number]) is not None
            ]
            if values:
                sentences.append(f"{name}, {column}: {listed(values)}.")
    return " ".join(sentences)


def _text(estimate: Estimate) -> str:
    if not estimate.has_interval:
        return f"{estimate.value:z.1f}"
    return f"{estimate.value:z.1f} [{estimate.low:z.1f}, {estimate.high:z.1f}]"
