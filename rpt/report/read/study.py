"""Class for a study: comparable runs, their points, and their curves along the axes of the study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from rpt.report.read.axes import NOT_AVERAGED
from rpt.report.read.roles import NO_ROLES, Roles, leader_of, reference_of
from rpt.report.read.run import Axis, StudyRun
from rpt.report.read.series import StudyCurve, StudyPoint, curves_of, points_of, run_frame


@dataclass(frozen=True)
class Study:
    """The runs of one study, checked to be comparable.

    Attributes:
        name: Value of `group` in the configuration of the study's runs; `none` for runs of no group.
        question: Question that the study answers; None if the configuration has no question.
        runs: Runs that train a prompt, at least one.
        baselines: Runs without a prompt: head alone, zero-shot, fine-tuning.
        axes: Axes that vary, in the order of `rpt.report.read.axes.KNOWN`; empty if only encoder, task and seed vary.
        is_sample: Whether the data are sample rows, so that no number is a SuperGLUE score.
        unfinished: State of each run whose training has not ended, by its folder.
        stopped: Rung and rank of each run that successive halving has stopped, by its folder.
        damaged: Message for each file that cannot be read. The file, or its run, is left out of the study.
        notes: Sentences on differences between the runs: missing seeds, keys that vary together with an axis, several
            machines or commits.
        stated: Encoders that the study names as its leader and its reference.
    """

    name: str
    question: str | None
    runs: Sequence[StudyRun]
    baselines: Sequence[StudyRun]
    axes: tuple[Axis, ...]
    is_sample: bool
    unfinished: Mapping[Path, str]
    stopped: Mapping[Path, str] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stated: Roles = NO_ROLES

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Tidy frame of all runs, baselines last: a row for each run (`rpt.report.read.series.run_frame`)."""
        frame = run_frame([*self.runs, *self.baselines])
        frame["is_baseline"] = [False] * len(self.runs) + [True] * len(self.baselines)
        return frame

    @cached_property
    def points(self) -> list[StudyPoint]:
        """Points of the runs that train a prompt."""
        return points_of(self.frame[~self.frame["is_baseline"]], self.axes)

    @cached_property
    def baseline_points(self) -> list[StudyPoint]:
        """Points of the baselines."""
        return points_of(self.frame[self.frame["is_baseline"]], self.axes)

    @property
    def main_axis(self) -> Axis | None:
        """First axis over which scores may be averaged; None in a study without such an axis."""
        return next((axis for axis in self.axes if axis.key not in NOT_AVERAGED), None)

    @property
    def other_axes(self) -> tuple[Axis, ...]:
        """All axes except the main axis."""
        return tuple(axis for axis in self.axes if axis != self.main_axis)

    @cached_property
    def curves(self) -> list[StudyCurve]:
        """Curves along the main axis. In a study without a main axis, each curve has a single point."""
        return self.curves_along(self.main_axis)

    def curves_along(self, axis: Axis | None) -> list[StudyCurve]:
        """Return the curves along an axis of the study."""
        return curves_of(self.points, axis, self.num_units)

    def curve(self, task: str, method: str) -> StudyCurve:
        """Return the curve of an encoder on a task along the main axis, in a study where no other axis varies.

        Raises:
            KeyError: The encoder has no curve on the task, or several, because another axis varies too.
        """
        curves = [curve for curve in self.curves if (curve.task, curve.method) == (task, method)]
        if len(curves) != 1:
            raise KeyError(f"{len(curves)} curves of {method} on {task}")
        return curves[0]

    @cached_property
    def num_units(self) -> dict[str, int]:
        """Number of sampling units by task. If all runs of a task diverged, it is the number of reported rows."""
        numbers: dict[str, int] = {}
        for task, runs in self.frame.groupby("task", sort=False)["item"]:
            known = next((len(run.units) for run in runs if run.units is not None), None)
            numbers[str(task)] = runs.iloc[0].record.data.rows.reported if known is None else known
        return numbers

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Tasks in the order of their first run."""
        return tuple(dict.fromkeys(run.task for run in self.runs))

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Encoders in the order of their first run."""
        return tuple(dict.fromkeys(run.method for run in self.runs))

    @property
    def leader(self) -> str:
        """Leading encoder, which the report compares with the others; `leader_of` chooses it."""
        return leader_of(self.stated, self.methods)

    @property
    def reference(self) -> str | None:
        """Encoder that the headline compares with the leading encoder; None in a study of one encoder."""
        return reference_of(self.stated, self.methods)

    @property
    def source(self) -> str:
        """Source of the data rows, equal for all runs: `sample`, `jsonl` or `hub`."""
        return self.runs[0].record.data.source

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs that train a prompt, ascending."""
        return tuple(sorted({run.seed for run in self.runs}))
