"""The runs of a study as arrays: points, and curves along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from rpt.report.study import Axis, Study, StudyRun, Value

Units = Float[np.ndarray, "seeds units"]


@dataclass(frozen=True)
class Point:
    """The runs that differ in the seed alone.

    Attributes:
        task: Name of the task.
        method: The encoder's option, or a baseline's name.
        values: On the study's axes.
        runs: In the order of their seeds.
    """

    task: str
    method: str
    values: Mapping[str, Value]
    runs: Sequence[StudyRun]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the runs."""
        return tuple(run.seed for run in self.runs)

    @property
    def scores(self) -> Float[np.ndarray, " seeds"]:
        """The task score of each run, 0 to 1; the majority's for a run that diverged."""
        return np.array([run.score for run in self.runs])

    @property
    def failed(self) -> Bool[np.ndarray, " seeds"]:
        """Which runs diverged or score at or below the majority answer."""
        return np.array([run.is_failed for run in self.runs])

    @property
    def majority(self) -> float:
        """The score of always giving the most frequent answer."""
        return self.runs[0].majority

    @property
    def held_out(self) -> float:
        """Mean score on the rows that chose the checkpoints; `nan` where nothing was trained."""
        return float(np.mean([held_out_score(run) for run in self.runs]))

    def units(self, count: int, seeds: Sequence[int] | None = None) -> Units:
        """The score of each sampling unit, for all runs or those of some seeds, in their order.

        Args:
            count: How many units the task has, for runs that diverged; they get the majority's score in all of them.
            seeds: All of them seeds of runs.
        """
        of_seed = {run.seed: run for run in self.runs}
        chosen = [of_seed[seed] for seed in (self.seeds if seeds is None else seeds)]
        return np.stack([np.full(count, run.score) if run.units is None else run.units for run in chosen])


@dataclass(frozen=True)
class Curve:
    """One encoder's points along an axis, with the seeds that all of them have.

    Attributes:
        axis: None for a study that varies nothing but seeds: then there is one point.
        at: Values on the other axes, the same for all points.
        points: In the axis' order, at least one.
        seeds: That every point has.
        count: Sampling units of the task.
    """

    task: str
    method: str
    axis: Axis | None
    at: Mapping[str, Value]
    points: Sequence[Point]
    seeds: tuple[int, ...]
    count: int

    @property
    def values(self) -> tuple[Value, ...]:
        """The axis' value at each point."""
        return tuple(None if self.axis is None else point.values.get(self.axis.key) for point in self.points)

    @property
    def numbers(self) -> Float[np.ndarray, " points"]:
        """The same as numbers, of a numeric axis alone."""
        return np.array(self.values, dtype=float)

    @property
    def units(self) -> Float[np.ndarray, "points seeds units"]:
        """The score of each sampling unit at every point for every common seed."""
        return np.stack([point.units(self.count, self.seeds) for point in self.points])

    @property
    def scores(self) -> Float[np.ndarray, "points seeds"]:
        """The task score of every run of a common seed."""
        mean: Float[np.ndarray, "points seeds"] = self.units.mean(axis=2)
        return mean

    @property
    def runs(self) -> list[StudyRun]:
        """All runs, also of seeds that only some points have."""
        return [run for point in self.points for run in point.runs]

    @property
    def tuned(self) -> Point:
        """The point with the best mean score on the rows that chose the checkpoints, the first of equals.

        So the reported rows have no say in it, unless the protocol chooses on them.
        """
        return max(self.points, key=lambda point: (point.held_out == point.held_out, point.held_out))

    def at_value(self, value: Value) -> Point | None:
        """The point at a value, if there is one."""
        return next((point for point, own in zip(self.points, self.values, strict=True) if own == value), None)


def held_out_score(run: StudyRun) -> float:
    """The score on the rows that chose the checkpoint; the majority's if the run diverged, `nan` without training."""
    if run.diverged:
        return run.majority
    best = run.record["best"]
    return float("nan") if best is None else float(best["held_out"]["score"])


def points_of(runs: Sequence[StudyRun]) -> list[Point]:
    """Gather the runs that differ in the seed alone, in the order of their first."""
    gathered: dict[tuple[object, ...], list[StudyRun]] = {}
    for run in runs:
        gathered.setdefault((run.task, run.method, tuple(run.values.items())), []).append(run)
    return [
        Point(runs[0].task, runs[0].method, runs[0].values, sorted(runs, key=lambda run: run.seed))
        for runs in gathered.values()
    ]


def curves_of(study: Study, axis: Axis | None = None) -> list[Curve]:
    """Every curve along an axis: one for each task, encoder and combination of values on the other axes.

    Args:
        study: The study.
        axis: One of its axes; None for the main one.
    """
    axis = axis or next(iter(study.axes), None)
    gathered: dict[tuple[object, ...], list[Point]] = {}
    for point in points_of(study.runs):
        key = (point.task, point.method, tuple(_others(point, axis).items()))
        gathered.setdefault(key, []).append(point)
    return [_curve(study, axis, points) for points in gathered.values()]


def curve(study: Study, task: str, method: str, axis: Axis | None = None) -> Curve:
    """The curve of an encoder on a task, where no other axis varies.

    Raises:
        KeyError: There is none, or several, for an axis besides this one.
    """
    found = [one for one in curves_of(study, axis) if (one.task, one.method) == (task, method)]
    if len(found) != 1:
        raise KeyError(f"{len(found)} curves of {method} on {task}")
    return found[0]


def baselines_of(study: Study, task: str, at: Mapping[str, Value]) -> Iterator[Point]:
    """The baselines that may stand beside runs with these values: equal where both have one."""
    for point in points_of(study.baselines):
        agrees = all(at[key] == value for key, value in point.values.items() if key in at)
        if point.task == task and agrees:
            yield point


def num_units(study: Study, task: str) -> int:
    """How many sampling units a task has; the number of its rows where every run diverged."""
    runs = [run for run in (*study.runs, *study.baselines) if run.task == task]
    known = next((len(run.units) for run in runs if run.units is not None), None)
    return int(runs[0].record["data"]["rows"]["reported"]) if known is None else known


def _curve(study: Study, axis: Axis | None, points: Sequence[Point]) -> Curve:
    first = points[0]
    seeds = sorted(set.intersection(*(set(point.seeds) for point in points)))
    ordered = sorted(points, key=lambda point: _place(point, axis))
    count = num_units(study, first.task)
    return Curve(first.task, first.method, axis, _others(first, axis), ordered, tuple(seeds), count)


def _others(point: Point, axis: Axis | None) -> dict[str, Value]:
    return {key: value for key, value in point.values.items() if axis is None or key != axis.key}


def _place(point: Point, axis: Axis | None) -> int:
    value = None if axis is None else point.values.get(axis.key)
    return axis.values.index(value) if axis is not None and value in axis.values else -1
