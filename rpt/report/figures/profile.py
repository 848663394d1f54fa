"""Performance profiles: the share of an encoder's runs in the whole sweep that score above a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from rpt.report.figures import legend
from rpt.report.figures.figure import Figure, finish, grid_of_panels
from rpt.report.figures.panels import methods_of, panels_of_curves
from rpt.report.figures.styles import LINE_OF_MAJORITY, Look, heading, looks_of, points
from rpt.report.measure.numbers import Numbers
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
    "curve further to the right is better. A run that diverged counts with the majority's score. The dashed line is "
    "the majority answer; a dotted line is the mean of a baseline without a prompt."
)


def profiles(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw a panel for each task and combination of values on other axes. Without a sweep, there is no figure."""
    panels = panels_of_curves([row.curve for row in numbers.robustness if len(row.curve.points) > 1])
    if not panels:
        return []
    looks = looks_of(study)
    drawing, axes = grid_of_panels(len(panels), is_sample=study.is_sample)
    for ax, panel in zip(axes, panels, strict=True):
        _plot(ax, study, numbers, panel, looks)
    handles = [legend.of_method(method, looks[method], has_marker=False) for method in methods_of(panels)]
    legend.put_below(drawing, [*handles, legend.of_majority()])
    bands = ", with 95 % bands for new seeds on the same examples" if has_intervals(study) else ""
    alt = "Share of runs above a threshold. " + " ".join(_say(study, panel) for panel in panels)
    title = "Share of runs above a score"
    return [finish(drawing, "profile", title, CAPTION.format(bands=bands), alt)]


def _plot(ax: Axes, study: Study, numbers: Numbers, panel: Sequence[StudyCurve], looks: Mapping[str, Look]) -> None:
    for curve in panel:
        _curve(ax, curve, looks[curve.method])
    task = panel[0].task
    ax.axvline(POINTS * panel[0].points[0].majority, color=LINE_OF_MAJORITY.colour, linestyle=LINE_OF_MAJORITY.line)
    for score in numbers.baselines:
        if score.point.task == task:
            ax.axvline(POINTS * score.score.value, color="black", linestyle=":", linewidth=0.9)
            ax.annotate(score.point.method, (POINTS * score.score.value, 0.04), rotation=90, fontsize=6, ha="right")
    scores = np.concatenate([curve.scores.ravel() for curve in panel])
    room = 0.05
    ax.set_xlim(POINTS * (scores.min() - room), POINTS * min(scores.max() + room, 1.0))
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("score (points)")
    ax.set_ylabel("share of runs above")
    ax.set_title(heading(study, task, panel[0].setting), loc="left")


def _curve(ax: Axes, curve: StudyCurve, look: Look) -> None:
    shares = profile(curve.scores, THRESHOLDS)
    scale = POINTS * shares.thresholds
    if np.isfinite(shares.low).all():
        ax.fill_between(scale, shares.low, shares.high, color=look.colour, alpha=0.12, linewidth=0)
    ax.plot(scale, shares.share, color=look.colour, linestyle=look.line, drawstyle="steps-post")


def _say(study: Study, panel: Sequence[StudyCurve]) -> str:
    """Return the text alternative of a panel: the median score of each encoder's runs."""
    medians = [f"{curve.method} {points(float(np.median(curve.scores)))}" for curve in panel]
    where = heading(study, panel[0].task, panel[0].setting)
    return f"{where}: half of the runs score above, in points, {listed(medians)}."
