"""Figure of the score against the size of the first training step.

The figure shows whether an encoder does more than change the effective learning rate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from rpt.report.figures import legend
from rpt.report.figures.figure import Figure, finish, grid_of_panels
from rpt.report.figures.panels import methods_of, pages_of, panels_of_curves
from rpt.report.figures.styles import LINE_OF_MAJORITY, Look, heading, looks_of
from rpt.report.measure.numbers import Numbers
from rpt.report.read.run import POINTS
from rpt.report.read.series import StudyCurve, StudyPoint
from rpt.report.read.study import Study

CAPTION = (
    "Every marker is a point of the sweep, a mean over seeds. The horizontal axis is the distance that the first step "
    "of training moves the encoded prompt, divided by the prompt's norm. Where the lines of two encoders coincide, "
    "equal steps give equal scores: the encoders differ in the size of their steps alone."
)


def first_steps(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw a panel for each task and combination of values on other axes. A point without a known step is left out."""
    panels = panels_of_curves([row.curve for row in numbers.robustness if len(_steps(row.curve)) > 1])
    return [_draw(study, name, page) for name, page in pages_of("prompt-first-step", panels)]


def _draw(study: Study, name: str, panels: Sequence[Sequence[StudyCurve]]) -> Figure:
    looks = looks_of(study)
    drawing, axes = grid_of_panels(len(panels), is_sample=study.is_sample)
    for ax, panel in zip(axes, panels, strict=True):
        _plot(ax, study, panel, looks)
    handles = [legend.of_method(method, looks[method]) for method in methods_of(panels)]
    legend.put_below(drawing, [*handles, legend.of_majority()])
    alt = "Score against the size of the first step. " + " ".join(_say(study, panel) for panel in panels)
    return finish(drawing, name, "Score against the size of the first step", CAPTION, alt)


def _steps(curve: StudyCurve) -> dict[int, float]:
    """Return the mean size of the first step at each point of a curve, by the point's index."""
    steps = {index: _step(point) for index, point in enumerate(curve.points)}
    return {index: step for index, step in steps.items() if step is not None}


def _step(point: StudyPoint) -> float | None:
    """Return the geometric mean over seeds of the size of the first step; None if a run has no size, or size 0."""
    sizes = [None if run.record.prompt is None else run.record.prompt.first_step for run in point.runs]
    if any(size is None or size <= 0 for size in sizes):
        return None
    return float(np.exp(np.mean(np.log(np.array(sizes, dtype=float)))))


def _plot(ax: Axes, study: Study, panel: Sequence[StudyCurve], looks: Mapping[str, Look]) -> None:
    for curve in panel:
        steps, look = _steps(curve), looks[curve.method]
        order = sorted(steps, key=lambda index: steps[index])
        scores = [POINTS * float(np.mean(curve.points[index].scores)) for index in order]
        ax.plot([steps[index] for index in order], scores, color=look.colour, linestyle=look.line, marker=look.marker)
    ax.axhline(POINTS * panel[0].points[0].majority, color=LINE_OF_MAJORITY.colour, linestyle=LINE_OF_MAJORITY.line)
    ax.set_xscale("log")
    ax.set_xlabel("relative size of the first step (log scale)")
    ax.set_ylabel("score (points)")
    ax.set_title(heading(study, panel[0].task, panel[0].setting), loc="left")


def _say(study: Study, panel: Sequence[StudyCurve]) -> str:
    """Return the text alternative of a panel: the range of first steps of each encoder."""
    sizes = {curve.method: _steps(curve).values() for curve in panel}
    ranges = [f"{method} from {min(steps):.2g} to {max(steps):.2g}" for method, steps in sizes.items()]
    return (
        f"{heading(study, panel[0].task, panel[0].setting)}: first steps of {', '.join(ranges)} of the prompt's norm."
    )
