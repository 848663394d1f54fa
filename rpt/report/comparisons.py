"""Which encoder is better: pairs at equal points, paired by seed and example, adjusted for how many are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, replace
from itertools import combinations
from typing import Any, ClassVar, Literal, Protocol, TypeVar, runtime_checkable

import numpy as np

from rpt.report.axes import BASELINES
from rpt.report.series import Curve, Point, Units
from rpt.report.study import Study, Value
from rpt.stats.estimate import Comparison
from rpt.stats.paired import compare, holm
from rpt.stats.power import seeds_needed

LEADER = "residual"
"""The encoder that studies are about; it comes first in every pair."""

MOST_METHODS = 4
"""With more encoders than this only the residual one (or the first) is compared with each other."""

MOST_VALUES = 4
"""With more options than this on an axis no two of them are compared."""

Where = Literal["sweep", "tuned", "point", "value"]

EFFECT = 0.01
"""The difference that the seeds needed are for: one point."""


@runtime_checkable  # for the tests, which check every call's types
class Adjustable(Protocol):
    """A comparison with a p that is adjusted within its family; a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def family(self) -> str:
        """With which it is adjusted."""

    @property
    def comparison(self) -> Comparison:
        """What has the p that is adjusted."""


One = TypeVar("One", bound=Adjustable)


@dataclass(frozen=True)
class Pair:
    """Two methods compared on a task.

    Attributes:
        task: Name of the task.
        ours: The one that a positive difference speaks for.
        theirs: The other; may be a baseline.
        where: `sweep`: averaged over the main axis' points that both have; `tuned`: each at the point that the
            held-out rows choose; `point`: at one point of both; `value`: one encoder at two values of the main axis.
        at: Values on the axes that hold for both: none of the main axis unless at a point.
        comparison: Difference in score, with interval and p, over the seeds that both have.
        p_holm: The p, adjusted over its family; `nan` with one seed.
        seeds_needed: How many seeds would show one point with a power of 0.8 on as many examples; infinite where no
            number would, None where the data cannot say.
        num_units: How many examples the difference rests on.
        num_points: How many points the difference is averaged over.
        our_value: Where `tuned` or `value`: the main axis' value of ours.
        their_value: Likewise of theirs; None for a baseline.
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

    @property
    def family(self) -> str:
        """With which comparisons it is adjusted: what a study asks is not paid for by what it also shows.

        Residual against each other encoder is one family, the other pairs are one, the baselines are one; for each
        `where` anew, over all tasks.
        """
        kind = "baseline" if self.theirs in BASELINES else LEADER if self.ours == LEADER else "others"
        return f"{self.where}, {kind}"

    @property
    def verdict(self) -> Literal["higher", "lower", "open"]:
        """What the data say of ours: `open` where the interval holds 0 or the adjusted p is 0.05 or more."""
        sign = self.comparison.sign(self.p_holm)
        return "higher" if sign > 0 else "lower" if sign < 0 else "open"


def compare_all(study: Study, curves: Sequence[Curve], baselines: Mapping[str, Sequence[Point]]) -> list[Pair]:
    """Every comparison of a study, adjusted.

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
        pairs += _of_values(ours)
    return adjusted(pairs)


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
        pair = _pair(ours, theirs.method, "sweep", at, _average(equal, ours, seeds))
        yield replace(pair, num_points=len(equal))
    for value, one, other in equal:
        where = at if ours.axis is None else {ours.axis.key: value, **at}
        yield from _of_points(ours, "point", where, one, other)
    yield from _of_points(ours, "tuned", at, ours.tuned, theirs.tuned)


def _of_values(curve: Curve) -> Iterator[Pair]:
    """One encoder at every two options of an axis that has no order."""
    if curve.axis is not None and not curve.axis.is_numeric and len(curve.points) <= MOST_VALUES:
        for one, other in combinations(curve.points, 2):
            yield from _of_points(curve, "value", curve.at, one, other)


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
        pair = _pair(curve, other.method, where, at, (ours, theirs))
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


def _pair(
    curve: Curve,
    theirs: str,
    where: Where,
    at: Mapping[str, Value],
    both: tuple[Units, Units],
) -> Pair:
    needed = seeds_needed(both[0] - both[1], effect=EFFECT)
    return Pair(curve.task, curve.method, theirs, where, at, compare(*both), float("nan"), needed, both[0].shape[1])


def adjusted(found: Sequence[One]) -> list[One]:
    """Holm's correction, within each family over all its tasks and pairs; family by family."""
    made: list[One] = []
    for name in dict.fromkeys(one.family for one in found):
        family = [one for one in found if one.family == name]
        ps = holm([one.comparison.p for one in family])
        made += [replace(one, p_holm=p) for one, p in zip(family, ps, strict=True)]
    return made
