"""Classes for a run of a study as read from its folder, and for an axis along which runs differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from rpt.errors import RptError
from rpt.tracking.record import Record

Value = float | int | str | bool | None

POINTS = 100.0
"""Factor from a score (0 to 1) to points."""

ONE_POINT = 0.01
"""One point as a score from 0 to 1.

The report counts the epochs until a run is within one point of its best held-out score, and estimates the number of
seeds that would show a difference of one point.
"""


class StudyError(RptError):
    """Run folders are missing, damaged or not comparable, or a report cannot replace what its folder holds."""


@dataclass(frozen=True)
class StudyRun:
    """A finished or diverged run of a study, as read from its folder.

    Attributes:
        folder: Path of the run folder.
        record: Record of the run.
        method: Option of the config group `encoder` (`residual`), or name of the baseline: `head alone`, `zero-shot`,
            `fine-tuning`.
        values: Value on each of the study's axes, by dotted key. The axes that cannot change the run's score are left
            out, such as the prompt length of a baseline.
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
        """Task score, 0 to 1. A run that diverged has the score of always giving the most frequent answer."""
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
    """Axis of a study: a configuration key or option that the study varies, other than encoder, task and seed.

    Attributes:
        key: Dotted configuration key, or name of a config group whose options differ (`init`).
        label: Name in figures and sentences, such as `learning rate`.
        values: All values of the axis. Numbers are ascending, and null precedes them. Texts have the order in which the
            first runs with them were started.
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
