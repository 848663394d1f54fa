"""Comparisons of encoders with each other, with baselines and with the majority answer, paired by seed and example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from rpt.report.read.run import ONE_POINT, Value
from rpt.report.read.series import StudyCurve, StudyPoint, UnitScores
from rpt.report.read.study import Study
from rpt.stats.estimate import Comparison
from rpt.stats.paired import compare, compare_with
from rpt.stats.power import seeds_needed

MOST_METHODS = 4
"""Largest number of encoders of which all pairs are compared. In a study with more encoders, only the leading encoder
is compared with each other encoder."""

MOST_VALUES = 4
"""Largest number of values of an axis of options of which all pairs are compared. On an axis with more values, each
value is compared with the first value."""

Where = Literal["sweep", "tuned", "point", "value"]

MAJORITY = "majority"
"""Name of the second method in a comparison with the majority answer (always the most frequent answer)."""

Family = Literal["answer", "exploratory"]
"""Family of a comparison: `answer` if the report's answer in words is based on it, else `exploratory`."""


@dataclass(frozen=True)
class Pair:
    """A comparison of two methods, or of two values of an axis, on a task.

    Attributes:
        task: Name of the task.
        first: First method; a positive difference means that it scores higher.
        second: Second method: an encoder, a baseline or `majority`; equal to `first` if `where` is `value`.
        where: Points that are compared. `sweep`: average over the points of the main axis that both methods have.
            `tuned`: for each method, the point that the held-out rows choose. `point`: one point that both methods
            have. `value`: two values of an axis for one encoder, averaged over the settings of the other axes.
        setting: Fixed values on the axes, by key. An axis that is averaged over, compared or tuned is left out.
        comparison: Difference in score with interval and p-value, over the seeds that both methods have.
        p_holm: p-value after Holm's correction over the family; `nan` below three seeds.
        seeds_needed: Number of seeds that show a difference of one point with a power of 0.8 on the same examples;
            infinite if no number suffices. None if the variance is unknown, and for the majority answer.
        num_units: Number of sampling units (examples) from which the difference is computed.
        num_points: Number of points over which the difference is averaged.
        first_value: First method's value on the main axis if `where` is `tuned`, or first value of `axis` if `where` is
            `value`. None otherwise, and for a comparison with the majority answer.
        second_value: Second method's value on the main axis if `where` is `tuned`, or second value of `axis` if `where`
            is `value`. None otherwise, for a baseline without the main axis, and for the majority answer.
        axis: Key of the axis whose values are compared if `where` is `value`; None otherwise.
        family: Family of comparisons, over all tasks, that Holm's correction adjusts together.
        seeds_for_observed: Number of seeds that show a true difference as large as the observed difference with a power
            of 0.8 on the same examples; infinite if no number suffices. None if the variance is unknown, if the
            observed difference is 0, and for the majority answer.
    """

    task: str
    first: str
    second: str
    where: Where
    setting: Mapping[str, Value]
    comparison: Comparison
    p_holm: float
    seeds_needed: int | float | None
    num_units: int
    num_points: int = 1
    first_value: Value = None
    second_value: Value = None
    axis: str | None = None
    family: Family = "exploratory"
    seeds_for_observed: int | float | None = None

    @property
    def verdict(self) -> Literal["higher", "lower", "open"]:
        """Result of the comparison: the first method scores `higher` or `lower` than the second, or it is `open`.

        The result is `open`, which means undecided, if the interval includes 0, if the adjusted p-value is 0.05 or
        more, or with fewer than three seeds.
        """
        sign = self.comparison.sign(self.p_holm)
        return "higher" if sign > 0 else "lower" if sign < 0 else "open"


def compare_all(study: Study, curves: Sequence[StudyCurve]) -> list[Pair]:
    """Compare all encoders of a study with each other, the baselines and the majority answer.

    The p-values are not adjusted for the number of comparisons.

    Args:
        study: Study to compare.
        curves: Curves of the study along its main axis.
    """
    pairs: list[Pair] = []
    for first, second in matched_curves(study, curves):
        pairs += _of_curves(first, second)
    for curve in curves:
        pairs += _against(curve, [point for point in study.baseline_points if point.task == curve.task])
        pairs.append(_with_majority(curve))
    return pairs


def couples(study: Study) -> list[tuple[str, str]]:
    """Return the pairs of encoders that are compared. In a pair with the leading encoder, it is the first."""
    ordered = sorted(study.methods, key=lambda method: method != study.leader)
    if len(ordered) > MOST_METHODS:
        return [(ordered[0], other) for other in ordered[1:]]
    return [*combinations(ordered, 2)]


def agree(first: Mapping[str, Value], second: Mapping[str, Value]) -> bool:
    """Whether two points have equal values on all axes that both points have."""
    return all(second[key] == value for key, value in first.items() if key in second)


def matched_curves(study: Study, curves: Sequence[StudyCurve]) -> Iterator[tuple[StudyCurve, StudyCurve]]:
    """Yield the pairs of curves to compare: the encoders of `couples` on one task, with equal values on other axes."""
    for first_method, second_method in couples(study):
        for first in curves:
            for second in curves:
                if (first.method, second.method, first.task) == (first_method, second_method, second.task) and agree(
                    first.setting, second.setting
                ):
                    yield first, second


def _of_curves(first: StudyCurve, second: StudyCurve) -> Iterator[Pair]:
    setting = {**first.setting, **second.setting}
    seeds = [seed for seed in first.seeds if seed in second.seeds]
    equal = equal_points(first, second)
    if seeds and equal and len(first.points) > 1:
        pair = pair_of(first, second.method, "sweep", setting, _average(equal, first, seeds))
        yield replace(pair, num_points=len(equal))
    for value, point, other_point in equal:
        at_value = setting if first.axis is None else {first.axis.key: value, **setting}
        yield from _of_points(first, "point", at_value, point, other_point)
    yield from _of_points(first, "tuned", setting, first.tuned, second.tuned)


def _against(curve: StudyCurve, baselines: Sequence[StudyPoint]) -> Iterator[Pair]:
    key = None if curve.axis is None else curve.axis.key
    for baseline in baselines:
        if agree(curve.tuned.values, baseline.values):
            yield from _of_points(curve, "tuned", curve.setting, curve.tuned, baseline)
        for point in curve.points if key in baseline.values else ():
            if agree(point.values, baseline.values):
                yield from _of_points(curve, "point", point.values, point, baseline)


def _of_points(
    curve: StudyCurve, where: Where, setting: Mapping[str, Value], point: StudyPoint, other_point: StudyPoint
) -> Iterator[Pair]:
    """Compare two points over their common seeds. Yield nothing if they have no seed in common."""
    seeds = [seed for seed in point.seeds if seed in other_point.seeds]
    first = point.units(curve.count, seeds) if seeds else None
    second = other_point.units(curve.count, seeds) if seeds else None
    if other_point.method == "zero-shot":  # it has no randomness, so that its only run is used for every seed
        first = point.units(curve.count)
        second = np.repeat(other_point.units(curve.count)[:1], len(first), axis=0)
    if first is not None and second is not None:
        pair = pair_of(curve, other_point.method, where, setting, (first, second))
        key = None if curve.axis is None or where == "point" else curve.axis.key
        yield (
            pair
            if key is None
            else replace(pair, first_value=point.values.get(key), second_value=other_point.values.get(key))
        )


def equal_points(first: StudyCurve, second: StudyCurve) -> list[tuple[Value, StudyPoint, StudyPoint]]:
    """Return each axis value at which both curves have a point, with the two points.

    An encoder that does not have the axis has the same point at every value.
    """
    equal = []
    for value in dict.fromkeys((*first.values, *second.values)):
        point = first.at_value(value) or _everywhere(first)
        other_point = second.at_value(value) or _everywhere(second)
        if point is not None and other_point is not None:
            equal.append((value, point, other_point))
    return equal


def _everywhere(curve: StudyCurve) -> StudyPoint | None:
    has_axis = curve.axis is not None and any(curve.axis.key in point.values for point in curve.points)
    return None if has_axis else curve.points[0]


def _average(
    equal: Sequence[tuple[Value, StudyPoint, StudyPoint]], curve: StudyCurve, seeds: Sequence[int]
) -> tuple[UnitScores, UnitScores]:
    first = np.mean([point.units(curve.count, seeds) for _, point, _ in equal], axis=0)
    second = np.mean([other_point.units(curve.count, seeds) for _, _, other_point in equal], axis=0)
    return first, second


def pair_of(
    curve: StudyCurve,
    second: str,
    where: Where,
    setting: Mapping[str, Value],
    both: tuple[UnitScores, UnitScores],
) -> Pair:
    """Compare two methods by their scores on the same sampling units.

    Args:
        curve: Curve of the first method, which names the task and the method.
        second: Name of the second method.
        where: Points that are compared, as in `Pair.where`.
        setting: Axis values that both methods share, by key.
        both: Scores of the first and of the second method, each [seeds, units], for the same seeds and sampling units.
    """
    differences = both[0] - both[1]
    needed = seeds_needed(differences, effect=ONE_POINT)
    observed = abs(float(differences.mean()))
    pair = Pair(
        curve.task, curve.method, second, where, setting, compare(*both), float("nan"), needed, both[0].shape[1]
    )
    return replace(pair, seeds_for_observed=seeds_needed(differences, effect=observed) if observed > 0 else None)


def _with_majority(curve: StudyCurve) -> Pair:
    point = curve.tuned
    comparison = compare_with(point.units(curve.count), point.majority)
    return Pair(curve.task, curve.method, MAJORITY, "tuned", curve.setting, comparison, float("nan"), None, curve.count)
