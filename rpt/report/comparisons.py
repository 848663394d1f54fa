"""Compare encoders at equal points, paired by seed and example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from rpt.report.series import Curve, Point, Units
from rpt.report.study import Study, Value
from rpt.stats.estimate import Comparison
from rpt.stats.paired import compare, compare_with
from rpt.stats.power import seeds_needed

LEADER = "residual"
"""The encoder that studies are about; it comes first in every pair."""

MOST_METHODS = 4
"""With more encoders than this only the residual one (or the first) is compared with each other."""

MOST_VALUES = 4
"""With more options than this on an axis each is compared with the first alone."""

Where = Literal["sweep", "tuned", "point", "value"]

MAJORITY = "majority"
"""Opponent of a comparison with always giving the most frequent answer."""

Family = Literal["answer", "exploratory"]
"""`answer`: a comparison that the answer in words claims on. `exploratory`: any other comparison."""

EFFECT = 0.01
"""The difference that the seeds needed are for: one point."""


@dataclass(frozen=True)
class Pair:
    """Two methods compared on a task.

    Attributes:
        task: Name of the task.
        ours: The one that a positive difference speaks for.
        theirs: The other; may be a baseline or `majority`.
        where: `sweep`: averaged over the main axis' points that both have; `tuned`: each at the point that the
            held-out rows choose; `point`: at one point of both; `value`: one encoder at two values of an axis,
            averaged over the settings of the other axes.
        at: Values on the axes that hold for both: none of the main axis unless at a point.
        comparison: Difference in score, with interval and p, over the seeds that both have.
        p_holm: The p, adjusted over its family; `nan` below three seeds.
        seeds_needed: How many seeds would show one point with a power of 0.8 on as many examples; infinite where no
            number would, None where the data cannot say.
        num_units: How many examples the difference rests on.
        num_points: How many points the difference is averaged over.
        our_value: Where `tuned`: the main axis' value of ours; where `value`: the axis' value of ours.
        their_value: The same axis' value of theirs; None for a baseline.
        axis: Where `value`: key of the axis whose values are compared.
        family: The comparisons that Holm's correction adjusts together, over all tasks.
    """

    task: str
    ours: str
    theirs: str
    where: Where
    at: Mapping[str, Value]
    comparison: Comparison
    p_holm: float
    seeds_needed: int | float | None
    num_units: int
    num_points: int = 1
    our_value: Value = None
    their_value: Value = None
    axis: str | None = None
    family: Family = "exploratory"

    @property
    def verdict(self) -> Literal["higher", "lower", "open"]:
        """What the data say of ours: `open` where the interval holds 0 or the adjusted p is 0.05 or more."""
        sign = self.comparison.sign(self.p_holm)
        return "higher" if sign > 0 else "lower" if sign < 0 else "open"


def compare_all(study: Study, curves: Sequence[Curve], baselines: Mapping[str, Sequence[Point]]) -> list[Pair]:
    """Make every comparison of a study; no p is adjusted yet.

    Args:
        study: The study.
        curves: Of its main axis.
        baselines: By task.
    """
    pairs: list[Pair] = []
    for ours, theirs in _couples(study, curves):
        pairs += _of_curves(ours, theirs)
    for ours in curves:
        pairs += _against(ours, baselines[ours.task])
        pairs.append(_with_majority(ours))
    return pairs


def leader_of(methods: Sequence[str]) -> str:
    """Name the encoder that a study's answer is about: residual, or the first where it is missing."""
    return LEADER if LEADER in methods else methods[0]


def couples(methods: Sequence[str]) -> list[tuple[str, str]]:
    """Which encoders are compared with which; residual comes first."""
    ordered = sorted(methods, key=lambda method: method != LEADER)
    if len(ordered) > MOST_METHODS:
        return [(ordered[0], other) for other in ordered[1:]]
    return [*combinations(ordered, 2)]


def agree(one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    """Whether two points have the same values on the axes that both have."""
    return all(other[key] == value for key, value in one.items() if key in other)


def _couples(study: Study, curves: Sequence[Curve]) -> Iterator[tuple[Curve, Curve]]:
    """Curves of the same task and the same values on the other axes."""
    for one, other in couples(study.methods):
        for ours in curves:
            for theirs in curves:
                if (ours.method, theirs.method, ours.task) == (one, other, theirs.task) and agree(ours.at, theirs.at):
                    yield ours, theirs


def _of_curves(ours: Curve, theirs: Curve) -> Iterator[Pair]:
    at = {**ours.at, **theirs.at}
    seeds = [seed for seed in ours.seeds if seed in theirs.seeds]
    equal = _equal_points(ours, theirs)
    if seeds and equal and len(ours.points) > 1:
        pair = pair_of(ours, theirs.method, "sweep", at, _average(equal, ours, seeds))
        yield replace(pair, num_points=len(equal))
    for value, one, other in equal:
        where = at if ours.axis is None else {ours.axis.key: value, **at}
        yield from _of_points(ours, "point", where, one, other)
    yield from _of_points(ours, "tuned", at, ours.tuned, theirs.tuned)


def _against(ours: Curve, baselines: Sequence[Point]) -> Iterator[Pair]:
    key = None if ours.axis is None else ours.axis.key
    for baseline in baselines:
        if agree(ours.tuned.values, baseline.values):
            yield from _of_points(ours, "tuned", ours.at, ours.tuned, baseline)
        for point in ours.points if key in baseline.values else ():
            if agree(point.values, baseline.values):
                yield from _of_points(ours, "point", point.values, point, baseline)


def _of_points(curve: Curve, where: Where, at: Mapping[str, Value], one: Point, other: Point) -> Iterator[Pair]:
    """The difference of two points over the seeds that both have; nothing where they share none."""
    seeds = [seed for seed in one.seeds if seed in other.seeds]
    ours = one.units(curve.count, seeds) if seeds else None
    theirs = other.units(curve.count, seeds) if seeds else None
    if other.method == "zero-shot":  # nothing is drawn, so its one run is that of every seed
        ours = one.units(curve.count)
        theirs = np.repeat(other.units(curve.count)[:1], len(ours), axis=0)
    if ours is not None and theirs is not None:
        pair = pair_of(curve, other.method, where, at, (ours, theirs))
        key = None if curve.axis is None or where == "point" else curve.axis.key
        yield pair if key is None else replace(pair, our_value=one.values.get(key), their_value=other.values.get(key))


def _equal_points(ours: Curve, theirs: Curve) -> list[tuple[Value, Point, Point]]:
    """Points of the same value; an encoder that does not have the axis is the same at all of them."""
    found = []
    for value in dict.fromkeys((*ours.values, *theirs.values)):
        one = ours.at_value(value) or _everywhere(ours)
        other = theirs.at_value(value) or _everywhere(theirs)
        if one is not None and other is not None:
            found.append((value, one, other))
    return found


def _everywhere(curve: Curve) -> Point | None:
    has_axis = curve.axis is not None and any(curve.axis.key in point.values for point in curve.points)
    return None if has_axis else curve.points[0]


def _average(equal: Sequence[tuple[Value, Point, Point]], curve: Curve, seeds: Sequence[int]) -> tuple[Units, Units]:
    ours = np.mean([one.units(curve.count, seeds) for _, one, _ in equal], axis=0)
    theirs = np.mean([other.units(curve.count, seeds) for _, _, other in equal], axis=0)
    return ours, theirs


def pair_of(
    curve: Curve,
    theirs: str,
    where: Where,
    at: Mapping[str, Value],
    both: tuple[Units, Units],
) -> Pair:
    """Compare two arrays of units.

    Args:
        curve: Task and encoder of the first.
        theirs: Name of the second.
        where: What is compared.
        at: Values on the axes that hold for both.
        both: Units of the first and of the second, for the same seeds and examples.
    """
    needed = seeds_needed(both[0] - both[1], effect=EFFECT)
    return Pair(curve.task, curve.method, theirs, where, at, compare(*both), float("nan"), needed, both[0].shape[1])


def _with_majority(curve: Curve) -> Pair:
    point = curve.tuned
    found = compare_with(point.units(curve.count), point.majority)
    return Pair(curve.task, curve.method, MAJORITY, "tuned", curve.at, found, float("nan"), None, curve.count)
