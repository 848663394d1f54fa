"""Divide a study's points into the panels of a figure, and compute their positions along the axis of a panel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rpt.report.measure.numbers import Numbers, PointScore
from rpt.report.read.frame import ITEM, frame_of, groups
from rpt.report.read.run import Axis, Value
from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study
from rpt.report.say.words import listed

MOST_PANELS = 9
"""Largest number of panels in a figure."""

Panel = TypeVar("Panel")


@dataclass(frozen=True)
class PanelLine:
    """The points of one encoder or baseline in one panel.

    Attributes:
        method: Name of the encoder or baseline.
        values: Value on the panel's axis for each point; None for an encoder or baseline that the axis does not affect.
            For example, the baseline `head alone` has no learning rate of a prompt.
        points: Scores of the points, in the order of the axis.
    """

    method: str
    values: Sequence[Value]
    points: Sequence[PointScore]

    @property
    def is_everywhere(self) -> bool:
        """Whether the line is a single point that the axis does not affect, and is drawn at every value of the axis."""
        return len(self.values) == 1 and self.values[0] is None


@dataclass(frozen=True)
class ScorePanel:
    """A panel of a figure: one task, with fixed values on all axes except the axis of the panel.

    Attributes:
        task: Name of the task.
        setting: Fixed values on the other axes, by key.
        prompts: Lines of the encoders, in the study's order.
        baselines: Lines of the baselines, which train no prompt.
    """

    task: str
    setting: Mapping[str, Value]
    prompts: Sequence[PanelLine]
    baselines: Sequence[PanelLine]

    @property
    def majority(self) -> float:
        """Score of the majority answer (always the most frequent answer) on the task, 0 to 1."""
        return self.prompts[0].points[0].point.majority

    @property
    def lines(self) -> list[PanelLine]:
        """The lines of all encoders, then of all baselines."""
        return [*self.prompts, *self.baselines]


class AxisScale:
    """Positions along an axis: numbers by their value or logarithm, other values at equal distances.

    Attributes:
        axis: Axis of the study.
        is_spaced: Whether the values are numbers, spaced by their size.
        places: Position of each value of the axis, in the order of the axis.
        span: Distance between the first and the last position; 1 for a single position.
    """

    def __init__(self, axis: Axis) -> None:
        self.axis = axis
        self.is_spaced = axis.is_numeric
        self.places = [self.place(value) for value in axis.values]
        self.span = max(self.places) - min(self.places) or 1.0

    def place(self, value: Value) -> float:
        """Return the position of a value of the axis."""
        if not self.is_spaced or not isinstance(value, int | float):
            return float(self.axis.values.index(value))
        return math.log10(value) if self.axis.is_log else float(value)


def panels_of(study: Study, numbers: Numbers, axis: Axis | None) -> list[ScorePanel]:
    """Return the panels along an axis: one for each task and combination of values on the other axes.

    Args:
        study: Study to draw.
        numbers: Scores of the study's points.
        axis: Axis of the study that is the horizontal axis of the panels; None for a study without axes.
    """
    panels = []
    for task in study.tasks:
        prompts = [score for score in numbers.points if score.point.task == task]
        baselines = [score for score in numbers.baselines if score.point.task == task]
        for setting in _combinations([_others(score, axis) for score in prompts]):
            fitting = _lines([score for score in prompts if _fits(score, setting)], axis)
            panels.append(
                ScorePanel(
                    task, setting, fitting, _lines([score for score in baselines if _fits(score, setting)], axis)
                )
            )
    return panels


def panels_of_curves(curves: Sequence[StudyCurve]) -> list[list[StudyCurve]]:
    """Group curves into panels: one for each task and combination of values on the other axes.

    A combination with a single curve has no panel.

    Args:
        curves: Curves along the main axis.

    Returns:
        Curves of each panel.
    """
    frame = frame_of(curves, [{"task": curve.task, **curve.setting} for curve in curves])
    return [panel for panel in groups(frame, frame.columns.drop(ITEM)) if len(panel) > 1]


def pages_of(name: str, panels: Sequence[Panel]) -> list[tuple[str, Sequence[Panel]]]:
    """Divide panels into figures of at most `MOST_PANELS` panels.

    Args:
        name: Name of the figure's files without ending; several figures get a number after it.
        panels: Panels in their order.

    Returns:
        Name and panels of each figure.
    """
    pages = [panels[start : start + MOST_PANELS] for start in range(0, len(panels), MOST_PANELS)]
    return [(f"{name}-{number}" if len(pages) > 1 else name, page) for number, page in enumerate(pages, 1)]


def not_shown(names: Sequence[str]) -> str:
    """Return a sentence with the names of the panels after the first `MOST_PANELS`; empty if all are shown."""
    left_out = names[MOST_PANELS:]
    return f" Not shown: {listed(left_out)}." if left_out else ""


def methods_of(panels: Sequence[Sequence[StudyCurve]]) -> list[str]:
    """Return the encoders of all panels, each once, in the order of their first curves."""
    return list(dict.fromkeys(curve.method for panel in panels for curve in panel))


def _others(score: PointScore, axis: Axis | None) -> dict[str, Value]:
    return {key: value for key, value in score.point.values.items() if axis is None or key != axis.key}


def _combinations(settings: Sequence[Mapping[str, Value]]) -> list[Mapping[str, Value]]:
    """Remove duplicates and combinations that another combination contains, because an encoder may lack an axis."""
    different: list[Mapping[str, Value]] = []
    for setting in settings:
        if setting not in different:
            different.append(setting)
    return [
        setting
        for setting in different
        if not any(setting != other and setting.items() <= other.items() for other in different)
    ]


def _fits(score: PointScore, setting: Mapping[str, Value]) -> bool:
    return all(score.point.values[key] == value for key, value in setting.items() if key in score.point.values)


def _lines(scores: Sequence[PointScore], axis: Axis | None) -> list[PanelLine]:
    lines = []
    for own in groups(frame_of(scores, [{"method": score.point.method} for score in scores]), ("method",)):
        valued = [(None if axis is None else score.point.values.get(axis.key), score) for score in own]
        if axis is not None and any(axis.key in score.point.values for score in own):
            valued = sorted(valued, key=lambda pair: axis.values.index(pair[0]) if pair[0] in axis.values else -1)
        lines.append(PanelLine(own[0].point.method, [value for value, _ in valued], [score for _, score in valued]))
    return lines
