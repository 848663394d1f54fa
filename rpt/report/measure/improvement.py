"""Compute how often a run of the leading encoder scores higher than a run of another encoder at the same point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rpt.report.read.run import Value
from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study
from rpt.stats.estimate import Estimate
from rpt.stats.profile import probability_of_improvement


@dataclass(frozen=True)
class Improvement:
    """The probability that a run of the leading encoder scores higher than a run of another encoder.

    Attributes:
        task: Name of the task.
        setting: Value on each axis but the main axis, by dotted key.
        leader: Leading encoder of the study.
        other: Encoder that is compared with it.
        probability: Mean over the points that both have, 0 to 1; equal scores count half.
        num_points: Number of points that both have.
    """

    task: str
    setting: Mapping[str, Value]
    leader: str
    other: str
    probability: Estimate
    num_points: int


def improvements(study: Study) -> Iterator[Improvement]:
    """Compare the leading encoder with every other encoder, for each task and combination of values on other axes."""
    curves = [curve for curve in study.curves if curve.seeds]
    for leading in (curve for curve in curves if curve.method == study.leader):
        for curve in curves:
            if curve.method != study.leader and (curve.task, curve.setting) == (leading.task, leading.setting):
                yield from _compare(leading, curve)


def _compare(leading: StudyCurve, other: StudyCurve) -> Iterator[Improvement]:
    shared = [value for value in leading.values if value in other.values]
    if not shared:
        return
    first, second = (
        np.stack([curve.scores[curve.values.index(value)] for value in shared]) for curve in (leading, other)
    )
    probability = probability_of_improvement(first, second)
    yield Improvement(leading.task, leading.setting, leading.method, other.method, probability, len(shared))
