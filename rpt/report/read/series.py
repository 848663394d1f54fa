"""Group runs into points and points into curves along an axis, with their scores as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from rpt.report.read.frame import ITEM, frame_of, groups
from rpt.report.read.run import Axis, StudyRun, Value

UnitScores = Float[np.ndarray, "seeds units"]


@dataclass(frozen=True)
class StudyPoint:
    """A point of a study: runs of the same setting, which differ in the seed alone.

    Attributes:
        task: Name of the task.
        method: Option of the config group `encoder`, or name of the baseline.
        values: Value on each of the study's axes, by dotted key.
        runs: Runs of the setting, in ascending order of their seeds.
    """

    task: str
    method: str
    values: Mapping[str, Value]
    runs: Sequence[StudyRun]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs, ascending."""
        return tuple(run.seed for run in self.runs)

    @property
    def scores(self) -> Float[np.ndarray, " seeds"]:
        """Task score of each run, 0 to 1; the majority answer's score for a run that diverged."""
        return np.array([run.score for run in self.runs])

    @property
    def failed(self) -> Bool[np.ndarray, " seeds"]:
        """Whether each run diverged or scores at or below the majority answer."""
        return np.array([run.is_failed for run in self.runs])

    @property
    def majority(self) -> float:
        """Score of always giving the most frequent answer, 0 to 1."""
        return self.runs[0].majority

    @property
    def held_out(self) -> float:
        """Mean score of the selected checkpoints on the held-out rows, 0 to 1; `nan` for runs without training."""
        return float(np.mean([held_out_score(run) for run in self.runs]))

    def units(self, count: int, seeds: Sequence[int] | None = None) -> UnitScores:
        """Return the score of each sampling unit in the run of each seed.

        Args:
            count: Number of sampling units of the task. A run that diverged has the majority answer's score in each of
                them.
            seeds: Seeds of the runs to return, in the order of the result; None for all seeds of the point.
        """
        of_seed = {run.seed: run for run in self.runs}
        chosen = [of_seed[seed] for seed in (self.seeds if seeds is None else seeds)]
        return np.stack([np.full(count, run.score) if run.units is None else run.units for run in chosen])


@dataclass(frozen=True)
class StudyCurve:
    """A curve of a study: the points of one encoder along an axis, at fixed values of the other axes.

    Attributes:
        task: Name of the task.
        method: Option of the config group `encoder`.
        axis: Axis along which the points differ. None for a study without axes, whose curves have a single point.
        setting: Value on each of the other axes, by dotted key; equal for all points.
        points: Points in the order of the axis' values, at least one.
        seeds: Seeds that every point has, ascending.
        count: Number of sampling units (examples or groups of examples) of the task.
    """

    task: str
    method: str
    axis: Axis | None
    setting: Mapping[str, Value]
    points: Sequence[StudyPoint]
    seeds: tuple[int, ...]
    count: int

    @property
    def values(self) -> tuple[Value, ...]:
        """Value of the axis at each point; None without an axis, or if the encoder does not have the axis."""
        return tuple(None if self.axis is None else point.values.get(self.axis.key) for point in self.points)

    @property
    def numbers(self) -> Float[np.ndarray, " points"]:
        """Value of a numeric axis at each point, as an array."""
        return np.array(self.values, dtype=float)

    @property
    def units(self) -> Float[np.ndarray, "points seeds units"]:
        """Score of each sampling unit at every point, for the seeds with a run at every point."""
        return np.stack([point.units(self.count, self.seeds) for point in self.points])

    @property
    def scores(self) -> Float[np.ndarray, "points seeds"]:
        """Task score at every point, 0 to 1, for the seeds with a run at every point."""
        mean: Float[np.ndarray, "points seeds"] = self.units.mean(axis=2)
        return mean

    @property
    def runs(self) -> list[StudyRun]:
        """Runs of all points, including runs of seeds that only some points have."""
        return [run for point in self.points for run in point.runs]

    @property
    def tuned(self) -> StudyPoint:
        """Point with the highest mean score on the held-out rows; with equal scores, the first of them.

        The reported rows do not influence the choice, unless the protocol selects checkpoints on them.
        """
        return max(self.points, key=lambda point: (not math.isnan(point.held_out), point.held_out))

    def at_value(self, value: Value) -> StudyPoint | None:
        """Return the point at a value of the axis; None if the curve has no such point."""
        return next((point for point, own in zip(self.points, self.values, strict=True) if own == value), None)


def held_out_score(run: StudyRun) -> float:
    """Return the score of a run's selected checkpoint on the held-out rows, 0 to 1.

    A run that diverged has the majority answer's score. A run without training has `nan`.
    """
    if run.diverged:
        return run.majority
    best = run.record.best
    return float("nan") if best is None else float(best.held_out["score"] or 0.0)


def run_frame(runs: Sequence[StudyRun]) -> pd.DataFrame:
    """Return a tidy frame with a row for each run: task, encoder, value on each axis, seed, status and scores."""
    frame = frame_of(runs, [{"task": run.task, "method": run.method, **run.values} for run in runs])
    for column in ("seed", "diverged", "is_failed", "score", "majority"):
        frame[column] = [getattr(run, column) for run in runs]
    frame["held_out"] = [held_out_score(run) for run in runs]
    return frame


def points_of(frame: pd.DataFrame, axes: Sequence[Axis]) -> list[StudyPoint]:
    """Group the runs that differ in the seed alone into points, in the order of each point's first run.

    Args:
        frame: Frame of the runs, from `run_frame`.
        axes: Axes of the study.
    """
    runs_of_points = groups(frame, ("task", "method", *(axis.key for axis in axes)))
    return [
        StudyPoint(runs[0].task, runs[0].method, runs[0].values, sorted(runs, key=lambda run: run.seed))
        for runs in runs_of_points
    ]


def curves_of(points: Sequence[StudyPoint], axis: Axis | None, num_units: Mapping[str, int]) -> list[StudyCurve]:
    """Group points into curves along an axis, one for each task, encoder and combination of values on the other axes.

    Args:
        points: Points of the runs that train a prompt.
        axis: Axis of the study; None for a study without axes.
        num_units: Number of sampling units of each task.
    """
    settings = [{"task": point.task, "method": point.method, **_others(point, axis)} for point in points]
    frame = frame_of(points, settings)
    return [_curve(axis, members, num_units) for members in groups(frame, frame.columns.drop(ITEM))]


def _curve(axis: Axis | None, points: Sequence[StudyPoint], num_units: Mapping[str, int]) -> StudyCurve:
    first = points[0]
    seeds = sorted(set.intersection(*(set(point.seeds) for point in points)))
    ordered = sorted(points, key=lambda point: _place(point, axis))
    return StudyCurve(
        first.task, first.method, axis, _others(first, axis), ordered, tuple(seeds), num_units[first.task]
    )


def _others(point: StudyPoint, axis: Axis | None) -> dict[str, Value]:
    return {key: value for key, value in point.values.items() if axis is None or key != axis.key}


def _place(point: StudyPoint, axis: Axis | None) -> int:
    value = None if axis is None else point.values.get(axis.key)
    return axis.values.index(value) if axis is not None and value in axis.values else -1
