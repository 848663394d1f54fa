"""Performance profiles: the share of an encoder's runs in the whole sweep that score above a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from rpt.report.figures import legend
from rpt.report.figures.figure import Figure, finish, grid_of_panels
from rpt.report.figures.panels import methods_of, pages_of, panels_of_curves
from rpt.report.figures.styles import (
    BANDS_OF_MANY,
    LINE_OF_MAJORITY,
    MOST_BANDS,
    Look,
    has_band,
    heading,
    looks_of,
    points,
)
from rpt.report.measure.comparisons import agree
from rpt.report.measure.numbers import Numbers, PointScore
from rpt.report.measure.sweep import swept_curves
from rpt.report.read.run import POINTS
from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study
from rpt.report.say.words import listed
from rpt.report.tables.columns import has_intervals
from rpt.stats.profile import profile

THRESHOLDS = np.linspace(0, 1, 501)
"""Thresholds of the score: every fifth of a point."""

CAPTION = (
    "Share of an encoder's runs, over all points of the sweep and all seeds, that score above a threshold{bands}. A "
    "curve further to the right is better. A run that diverged counts with the majority answer's score. The grey line "
    "is the majority answer; other vertical lines are the means of baselines without a prompt."
)


def profiles(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw a panel for each task and combination of values on other axes that has a sweep of several encoders."""
    panels = panels_of_curves([curve for curve in swept_curves(study) if len(curve.points) > 1])
    return [_draw(study, numbers, name, page) for name, page in pages_of("profile", panels)]


def _draw(study: Study, numbers: Numbers, name: str, panels: Sequence[Sequence[StudyCurve]]) -> Figure:
    looks = looks_of(study)
    drawing, axes = grid_of_panels(len(panels), is_sample=study.is_sample)
    drawn = [_plot(ax, study, numbers, panel, looks) for ax, panel in zip(axes, panels, strict=True)]
    names = [*methods_of(panels), *dict.fromkeys(method for methods in drawn for method in methods)]
    handles = [legend.of_method(method, looks[method], has_marker=False) for method in names]
    legend.put_below(drawing, [*handles, legend.of_majority()])
    bands = ", with 95 % bands for new seeds on the same examples" if has_intervals(study) else ""
    if bands and max(map(len, panels)) > MOST_BANDS:
        bands += BANDS_OF_MANY
    alt = "Share of runs above a threshold. " + " ".join(_say(study, panel) for panel in panels)
    return finish(drawing, name, "Share of runs above a score", CAPTION.format(bands=bands), alt)


def baselines_of(numbers: Numbers, panel: Sequence[StudyCurve]) -> list[PointScore]:
    """Return the baselines on the panel's task whose axis values do not differ from the panel's fixed values."""
    task, setting = panel[0].task, panel[0].setting
    return [score for score in numbers.baselines if score.point.task == task and agree(setting, score.point.values)]


def _plot(
    ax: Axes, study: Study, numbers: Numbers, panel: Sequence[StudyCurve], looks: Mapping[str, Look]
) -> list[str]:
    """Draw a panel, and return the names of the baselines in it."""
    for curve in panel:
        _curve(ax, curve, looks[curve.method], with_band=has_band(study, curve.method, len(panel)))
    ax.axvline(POINTS * panel[0].points[0].majority, color=LINE_OF_MAJORITY.colour, linestyle=LINE_OF_MAJORITY.line)
    baselines = baselines_of(numbers, panel)
    for score in baselines:
        look = looks[score.point.method]
        ax.axvline(POINTS * score.score.value, color=look.colour, linestyle=look.line, linewidth=1.1)
    scores = np.concatenate([curve.scores.ravel() for curve in panel])
    room = 0.05
    ax.set_xlim(POINTS * (scores.min() - room), POINTS * min(scores.max() + room, 1.0))
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("score (points)")
    ax.set_ylabel("share of runs above")
    ax.set_title(heading(study, panel[0].task, panel[0].setting), loc="left")
    return [score.point.method for score in baselines]


def _curve(ax: Axes, curve: StudyCurve, look: Look, *, with_band: bool) -> None:
    shares = profile(curve.scores, THRESHOLDS)
    scale = POINTS * shares.thresholds
    if with_band and np.isfinite(shares.low).all():
        ax.fill_between(scale, shares.low, shares.high, color=look.colour, alpha=0.1, linewidth=0)
    ax.plot(scale, shares.share, color=look.colour, linestyle=look.line, drawstyle="steps-post")


def _say(study: Study, panel: Sequence[StudyCurve]) -> str:
    """Return the text alternative of a panel: the median score of each encoder's runs."""
    medians = [f"{curve.method} {points(float(np.median(curve.scores)))}" for curve in panel]
    where = heading(study, panel[0].task, panel[0].setting)
    return f"{where}: half of the runs score above, in points, {listed(medians)}."
