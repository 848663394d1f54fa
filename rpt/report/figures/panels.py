"""Which points belong into which panel of a figure, and where they stand along its axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rpt.report.numbers import Numbers, PointScore
from rpt.report.study import Axis, Study, Value

MOST_PANELS = 9
"""Of one figure."""


@dataclass(frozen=True)
class Line:
    """One method in one panel.

    Attributes:
        method: Encoder or baseline.
        values: The axis' value at each point; None where the method does not have the axis, as the head alone has no
            learning rate of a prompt: it is the same everywhere.
        points: In the order of the axis.
    """

    method: str
    values: Sequence[Value]
    points: Sequence[PointScore]

    @property
    def is_everywhere(self) -> bool:
        """Whether it is one point that does not have the axis."""
        return len(self.values) == 1 and self.values[0] is None


@dataclass(frozen=True)
class Panel:
    """One task, with the values on all axes besides the one that runs along it.

    Attributes:
        task: Name of the task.
        at: Values that are held fixed.
        prompts: Encoders, in the study's order.
        baselines: What they stand beside.
    """

    task: str
    at: Mapping[str, Value]
    prompts: Sequence[Line]
    baselines: Sequence[Line]

    @property
    def majority(self) -> float:
        """The score of always giving the most frequent answer."""
        return self.prompts[0].points[0].point.majority

    @property
    def lines(self) -> list[Line]:
        """All of them."""
        return [*self.prompts, *self.baselines]


class Scale:
    """Where values stand along an axis: numbers by value or logarithm, texts side by side."""

    def __init__(self, axis: Axis) -> None:
        self.axis = axis
        self.is_spaced = axis.is_numeric
        self.places = [self.place(value) for value in axis.values]
        self.span = max(self.places) - min(self.places) or 1.0

    def place(self, value: Value) -> float:
        """The place of one of the axis' values."""
        if not self.is_spaced or not isinstance(value, int | float):
            return float(self.axis.values.index(value))
        return math.log10(value) if self.axis.is_log else float(value)


def panels_of(study: Study, numbers: Numbers, axis: Axis | None) -> list[Panel]:
    """The panels along an axis: one for each task and combination of values on the other axes.

    Args:
        study: The study.
        numbers: Its points.
        axis: One of its axes; None where seeds alone vary.
    """
    panels = []
    for task in study.tasks:
        prompts = [score for score in numbers.points if score.point.task == task]
        baselines = [score for score in numbers.baselines if score.point.task == task]
        for at in _combinations([_others(score, axis) for score in prompts]):
            fitting = _lines([score for score in prompts if _fits(score, at)], axis)
            panels.append(Panel(task, at, fitting, _lines([score for score in baselines if _fits(score, at)], axis)))
    return panels


def _others(score: PointScore, axis: Axis | None) -> dict[str, Value]:
    return {key: value for key, value in score.point.values.items() if axis is None or key != axis.key}


def _combinations(found: Sequence[Mapping[str, Value]]) -> list[Mapping[str, Value]]:
    """The different ones, without those that only say less than another: an encoder may lack an axis."""
    different: list[Mapping[str, Value]] = []
    for at in found:
        if at not in different:
            different.append(at)
    return [at for at in different if not any(at != other and at.items() <= other.items() for other in different)]


def _fits(score: PointScore, at: Mapping[str, Value]) -> bool:
    return all(score.point.values[key] == value for key, value in at.items() if key in score.point.values)


def _lines(scores: Sequence[PointScore], axis: Axis | None) -> list[Line]:
    lines = []
    for method in dict.fromkeys(score.point.method for score in scores):
        own = [score for score in scores if score.point.method == method]
        valued = [(None if axis is None else score.point.values.get(axis.key), score) for score in own]
        if axis is not None and any(axis.key in score.point.values for score in own):
            valued = sorted(valued, key=lambda pair: axis.values.index(pair[0]) if pair[0] in axis.values else -1)
        lines.append(Line(method, [value for value, _ in valued], [score for _, score in valued]))
    return lines
