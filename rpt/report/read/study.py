"""A study: comparable runs, and the axes along which they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from rpt.errors import RptError
from rpt.report.read.roles import NO_ROLES, Roles, leader_of, reference_of
from rpt.tracking.record import Record

Value = float | int | str | bool | None

POINTS = 100.0
"""Factor from a score (0 to 1) to points."""

ONE_POINT = 0.01
"""One point as a score. A run counts as trained within one point of its own best held-out score, and the needed number
of seeds is the number that shows a difference of one point."""


class StudyError(RptError):
    """Run folders that make no study, because they are missing, damaged or not comparable."""


@dataclass(frozen=True)
class StudyRun:
    """A finished or diverged run of a study, as read from its folder.

    Attributes:
        folder: Path of the run folder.
        record: Record of the run.
        method: Option of the config group `encoder` (`residual`), or name of the baseline: `head alone`, `zero-shot`,
            `fine-tuning`.
        values: Value on each of the study's axes, by dotted key. A baseline lacks the axes that cannot change its
            score.
        units: Score of each sampling unit (`rpt.report.read.units`), whose mean is the task score; None for a run that
            diverged, which has no predictions.
    """

    folder: Path
    record: Record
    method: str
    values: Mapping[str, Value]
    units: Float[np.ndarray, " units"] | None = field(repr=False)

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.record.task.name

    @property
    def seed(self) -> int:
        """Seed of the run."""
        seed = self.record.config["seed"]
        assert isinstance(seed, int)
        return seed

    @property
    def diverged(self) -> bool:
        """Whether the run has no score, because its loss became NaN or infinite, or because it raised an error."""
        return self.record.has_diverged

    @property
    def score(self) -> float:
        """Task score, 0 to 1; for a run that diverged, the majority answer's score, which a user could fall back on."""
        score = self.record.score_or_majority()
        assert score is not None
        return score

    @property
    def majority(self) -> float:
        """Score of always giving the most frequent answer, 0 to 1."""
        score = self.record.majority["score"]
        assert score is not None
        return score

    @property
    def is_failed(self) -> bool:
        """Whether the run diverged or scores at or below the majority answer."""
        return self.record.is_failed


@dataclass(frozen=True)
class Axis:
    """A configuration value or option that a study varies, other than encoder, task and seed.

    Attributes:
        key: Dotted configuration key, or name of a config group whose options differ (`init`).
        label: Name in figures and sentences, such as `learning rate`.
        values: All values of the axis. Numbers are ascending, after null. Texts are in the order of their first run.
        is_log: Whether figures use a logarithmic scale.
    """

    key: str
    label: str
    values: tuple[Value, ...]
    is_log: bool

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers, which have an order and a distance."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class Study:
    """The runs of one study, checked to be comparable.

    Attributes:
        name: Value of `group` in the configuration of the study's runs.
        question: Question that the study answers; None where the configuration has none.
        runs: Runs that train a prompt, at least one.
        baselines: Runs without a prompt: head alone, zero-shot, fine-tuning.
        axes: Axes that vary, the main axis first; empty where only encoder, task and seed vary.
        is_sample: Whether the data are sample rows, so that no number is a SuperGLUE score.
        unfinished: State of each run that is neither finished nor failed, by its folder.
        damaged: Message for each file that cannot be read; the study goes without the file, or without its run.
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
    damaged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stated: Roles = NO_ROLES

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks in the order of their first run."""
        return tuple(dict.fromkeys(run.task for run in self.runs))

    @property
    def methods(self) -> tuple[str, ...]:
        """Encoders in the order of their first run."""
        return tuple(dict.fromkeys(run.method for run in self.runs))

    @property
    def leader(self) -> str:
        """Encoder that comparisons and the answer are about."""
        return leader_of(self.stated, self.methods)

    @property
    def reference(self) -> str | None:
        """Encoder whose difference from the leader is the headline's number; None for a study of one encoder."""
        return reference_of(self.stated, self.methods)

    @property
    def source(self) -> str:
        """Source of the rows, equal for all runs: `sample`, `jsonl` or `hub`."""
        return self.runs[0].record.data.source

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs that train a prompt, ascending."""
        return tuple(sorted({run.seed for run in self.runs}))
