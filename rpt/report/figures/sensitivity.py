"""Figures of the score against an axis: how sensitive each encoder is to a setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from rpt.console import several
from rpt.report.figures import legend
from rpt.report.figures.figure import Figure, finish, grid_of_panels
from rpt.report.figures.panels import AxisScale, PanelLine, ScorePanel, pages_of, panels_of
from rpt.report.figures.styles import (
    BANDS_OF_MANY,
    LINE_OF_MAJORITY,
    MOST_BANDS,
    Look,
    axis_title,
    has_band,
    heading,
    looks_of,
    points,
)
from rpt.report.measure.numbers import Numbers, PointScore
from rpt.report.read.run import POINTS, Axis
from rpt.report.read.study import Study
from rpt.report.say.words import listed, value_text
from rpt.report.tables.columns import has_intervals

DODGE = 0.012
"""Horizontal shift between encoders on a numeric axis, as a share of its span. It separates their dots."""

SIDE = 0.16
"""Horizontal shift between encoders on an axis without numbers, as a share of the distance between two values."""

CAPTION = (
    "{means} are means over seeds{spread}, small dots single runs. Crosses on the dashed majority line are runs that "
    "diverged; they count with the majority answer's score."
)


def sensitivity(study: Study, numbers: Numbers, axis: Axis) -> list[Figure]:
    """Draw the score against an axis: a panel for each task and combination of values on the other axes."""
    panels = panels_of(study, numbers, axis)
    pages = pages_of(f"score-by-{axis.key.replace('.', '-')}", panels)
    return [_draw(study, axis, page, name) for name, page in pages]


def by_encoder(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw the score of each encoder, for a study that varies only encoder, task and seed."""
    panels = panels_of(study, numbers, None)
    looks = looks_of(study)
    drawing, axes = grid_of_panels(len(panels), is_sample=study.is_sample, height=1.8)
    for ax, panel in zip(axes, panels, strict=True):
        for position, line in enumerate(panel.lines):
            positions = [float(position)] * len(line.points)
            _dots(ax, line.points, positions, looks[line.method], shift=0.18)
            _bars(ax, line.points, positions, looks[line.method])
        ax.set_xticks(range(len(panel.lines)), [line.method for line in panel.lines], rotation=30, ha="right")
        ax.set_xlim(-0.5, len(panel.lines) - 0.5)
        ax.tick_params(axis="x", length=0)
        ax.grid(visible=False, axis="x")
        _finish_panel(ax, study, panel)
    legend.put_below(drawing, _keys(panels))
    alt = "Score of each encoder. " + " ".join(_say_methods(study, panel) for panel in panels)
    return [finish(drawing, "score-by-encoder", "Score of each encoder", _caption(study, "Large markers", "bars"), alt)]


def _draw(study: Study, axis: Axis, panels: Sequence[ScorePanel], name: str) -> Figure:
    looks, scale = looks_of(study), AxisScale(axis)
    drawing, axes = grid_of_panels(len(panels), is_sample=study.is_sample)
    for ax, panel in zip(axes, panels, strict=True):
        plot(ax, study, panel, scale, looks)
    legend.put_below(drawing, [*_handles(panels, looks, scale), *_keys(panels)])
    alt = " ".join([f"Score against {axis.label}.", *(_say(study, panel, axis) for panel in panels)])
    has_many = max(sum(not line.is_everywhere for line in panel.lines) for panel in panels) > MOST_BANDS
    spread = f"bands{BANDS_OF_MANY}" if has_many else "bands"
    caption = _caption(study, "Lines", spread) if scale.is_spaced else _caption(study, "Large markers", "bars")
    return finish(drawing, name, f"Score against {axis.label}", caption, alt)


def _caption(study: Study, means: str, spread: str) -> str:
    intervals = f", {spread} 95 % intervals of the mean for new seeds and new examples" if has_intervals(study) else ""
    return CAPTION.format(means=means, spread=intervals)


def plot(ax: Axes, study: Study, panel: ScorePanel, scale: AxisScale, looks: Mapping[str, Look]) -> None:
    """Draw a panel: means with intervals for each encoder and baseline, and single runs as dots.

    On a numeric axis, the means are a line and the intervals a band. If the values of the axis have no order, the means
    are markers and the intervals bars.
    """
    step = DODGE * scale.span if scale.is_spaced else SIDE
    everywhere = [line for line in panel.lines if line.is_everywhere]
    dodged = [line for line in panel.lines if not line.is_everywhere]
    for line in everywhere:
        _level(ax, line.points[0], looks[line.method])
    for number, line in enumerate(dodged):
        shift = (number - (len(dodged) - 1) / 2) * step
        positions = [scale.place(value) for value in line.values]
        moved = [position + shift for position in positions]
        _dots(ax, line.points, moved, looks[line.method], shift=0.0 if scale.is_spaced else step / 4)
        if scale.is_spaced:
            with_band = has_band(study, line.method, len(dodged))
            _curve(ax, line.points, positions, looks[line.method], with_band=with_band)
        else:
            _bars(ax, line.points, moved, looks[line.method])
    ax.set_xticks(scale.places, [value_text(value) for value in scale.axis.values])
    if sum(len(value_text(value)) for value in scale.axis.values) > 26:
        ax.tick_params(axis="x", labelrotation=30)
    room = 0.06 * scale.span if scale.is_spaced else 0.5
    ax.set_xlim(min(scale.places) - room, max(scale.places) + room)
    ax.set_xlabel(axis_title(scale.axis))
    _finish_panel(ax, study, panel)


def _curve(ax: Axes, scores: Sequence[PointScore], positions: Sequence[float], look: Look, *, with_band: bool) -> None:
    """Draw the mean along the axis as a line, and its interval as a band."""
    means, lows, highs = (POINTS * values for values in _estimates(scores))
    known = ~np.isnan(lows) & with_band
    where = np.array(positions)
    if known.any():
        ax.fill_between(where[known], lows[known], highs[known], color=look.colour, alpha=0.06, linewidth=0)
    for edge in (lows, highs):  # drawn in the encoder's line style, because bands may overlap
        ax.plot(where[known], edge[known], color=look.colour, linestyle=look.line, alpha=0.75, linewidth=0.7)
    ax.plot(positions, means, color=look.colour, linestyle=look.line, marker=look.marker, markeredgecolor="white",
            markeredgewidth=0.5, zorder=3)  # fmt: skip


def _bars(ax: Axes, scores: Sequence[PointScore], positions: Sequence[float], look: Look) -> None:
    """Draw the mean as a marker and its interval as a bar, for values without an order."""
    means, lows, highs = (POINTS * values for values in _estimates(scores))
    ax.vlines(positions, lows, highs, color=look.colour, linewidth=1.4, zorder=3)
    ax.plot(positions, means, color=look.colour, linestyle="none", marker=look.marker, markersize=5,
            markeredgecolor="white", markeredgewidth=0.6, zorder=4)  # fmt: skip


def _level(ax: Axes, score: PointScore, look: Look) -> None:
    """Draw a horizontal line and band for an encoder or baseline that the axis does not affect."""
    if score.score.has_interval:
        ax.axhspan(POINTS * score.score.low, POINTS * score.score.high, color=look.colour, alpha=0.05, linewidth=0)
    ax.axhline(POINTS * score.score.value, color=look.colour, linestyle=look.line, linewidth=1.1, zorder=2)


def _dots(ax: Axes, scores: Sequence[PointScore], positions: Sequence[float], look: Look, shift: float) -> None:
    """Draw the run of every seed as a dot; a run that diverged is a cross on the majority line."""
    for score, position in zip(scores, positions, strict=True):
        runs = score.point.runs
        spread = np.linspace(-shift, shift, len(runs)) if len(runs) > 1 else np.zeros(1)
        for run, offset in zip(runs, spread, strict=True):
            (dot,) = ax.plot([position + offset], [POINTS * run.score], color=look.colour, linestyle="none")
            if run.diverged:
                dot.set(marker="x", markersize=5, markeredgewidth=1.1, zorder=5)
            else:
                dot.set(marker=".", markersize=5.5, markeredgewidth=0.3, markeredgecolor="white", zorder=3.5)


def _finish_panel(ax: Axes, study: Study, panel: ScorePanel) -> None:
    ax.axhline(
        POINTS * panel.majority, color=LINE_OF_MAJORITY.colour, linestyle=LINE_OF_MAJORITY.line, linewidth=1, zorder=1.5
    )
    ax.set_ylabel("score (points)")
    ax.set_title(heading(study, panel.task, panel.setting), loc="left")
    low, high = ax.get_ylim()
    ax.set_ylim(max(low, -2), min(high, 102))  # scores are 0 to 100


def _estimates(scores: Sequence[PointScore]) -> Iterator[np.ndarray]:
    for name in ("value", "low", "high"):
        yield np.array([getattr(score.score, name) for score in scores])


def _handles(panels: Sequence[ScorePanel], looks: Mapping[str, Look], scale: AxisScale) -> list[Line2D]:
    """Return a legend entry for each encoder and baseline.

    If the axis does not affect an encoder or baseline, its entry has no marker. If the axis has values without an
    order, the other entries have no line.
    """
    levels = {line.method: line.is_everywhere for panel in panels for line in panel.lines}
    return [
        legend.of_method(method, looks[method], has_line=is_level or scale.is_spaced, has_marker=not is_level)
        for method, is_level in levels.items()
    ]


def _keys(panels: Sequence[ScorePanel]) -> list[Line2D]:
    """Return the legend entries of the marks that all encoders share."""
    keys = [legend.of_majority(), legend.of_marker("one run", ".", size=5.5)]
    if any(_num_diverged(line) for panel in panels for line in panel.lines):
        keys.append(legend.of_marker("diverged", "x", size=5.0))
    return keys


def _num_diverged(line: PanelLine) -> int:
    return sum(run.diverged for score in line.points for run in score.point.runs)


def _say(study: Study, panel: ScorePanel, axis: Axis) -> str:
    """Return the text alternative of a panel: lowest and highest mean score of each line."""
    phrases = []
    for line in panel.lines:
        best = max(range(len(line.points)), key=lambda index: line.points[index].score.value)
        worst = min(range(len(line.points)), key=lambda index: line.points[index].score.value)
        top, bottom = points(line.points[best].score.value), points(line.points[worst].score.value)
        if line.is_everywhere or best == worst:
            text = f"{line.method} {top}"
        else:
            text = (
                f"{line.method} from {bottom} at {axis.label} {value_text(line.values[worst])} "
                f"to {top} at {value_text(line.values[best])}"
            )
        diverged = _num_diverged(line)
        phrases.append(text + (f", {several(diverged, 'run')} diverged" if diverged else ""))
    where = heading(study, panel.task, panel.setting)
    return f"{where}: mean score in points, {'; '.join(phrases)}; majority answer {points(panel.majority)}."


def _say_methods(study: Study, panel: ScorePanel) -> str:
    phrases = [f"{line.method} {points(score.score.value)}" for line in panel.lines for score in line.points]
    where = heading(study, panel.task, panel.setting)
    return f"{where}: {listed(phrases)} points; majority answer {points(panel.majority)}."
