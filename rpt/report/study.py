"""What a report is about: the runs of one study, and the axes that they differ along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from rpt.errors import RptError
from rpt.tracking.counted import counted_score, has_diverged, has_failed

Value = float | int | str | bool | None


class StudyError(RptError):
    """Run folders that make no study: missing, damaged, or not to be compared."""


@dataclass(frozen=True)
class StudyRun:
    """One run folder, read.

    Attributes:
        folder: Where it lies.
        record: Its `run.json`.
        method: The encoder's option (`residual`), or the baseline's name: `head alone`, `zero-shot`, `fine-tuning`.
        values: Its value on each of the study's axes, by dotted key; baselines have those that concern them.
        units: The task score's value of each sampling unit (`rpt.report.units`), whose mean is the score; None where
            the run has no predictions (diverged).
    """

    folder: Path
    record: Mapping[str, Any]
    method: str
    values: Mapping[str, Value]
    units: Float[np.ndarray, " units"] | None = field(repr=False)

    @property
    def task(self) -> str:
        """Name of the task."""
        name = self.record["task"]["name"]
        assert isinstance(name, str)
        return name

    @property
    def seed(self) -> int:
        """The run's seed."""
        seed = self.record["config"]["seed"]
        assert isinstance(seed, int)
        return seed

    @property
    def diverged(self) -> bool:
        """Whether it has no score, because its loss turned to no number or it raised."""
        return has_diverged(self.record)

    @property
    def score(self) -> float:
        """The task score, 0 to 1; that of the majority answer for a run that diverged, as a reader would fall back."""
        score = counted_score(self.record)
        assert score is not None
        return score

    @property
    def majority(self) -> float:
        """The score of always giving the most frequent answer."""
        return float(self.record["majority"]["score"])

    @property
    def is_failed(self) -> bool:
        """Whether it diverged or scores at or below the majority answer."""
        return has_failed(self.record)


@dataclass(frozen=True)
class Axis:
    """Something that a study varies, besides encoder, task and seed.

    Attributes:
        key: Dotted configuration key, or a group's name where options differ (`init`).
        label: What a figure writes, with unit: `learning rate`.
        values: All values, sorted, null before numbers; texts in the order of their first run.
        is_log: Whether a figure spaces them by their logarithm.
    """

    key: str
    label: str
    values: tuple[Value, ...]
    is_log: bool

    @property
    def is_numeric(self) -> bool:
        """Whether values have an order and a distance."""
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class Study:
    """The runs of one study, checked to be comparable.

    Attributes:
        name: The sweep's `group`.
        question: What it asks; None where nobody wrote it down.
        runs: Of prompts, at least one.
        baselines: Of no prompt: head alone, zero-shot, fine-tuning.
        axes: What varies, the main axis first; empty for a study of seeds alone.
        is_sample: Whether the rows are sample rows, so that no number is a SuperGLUE score.
        unfinished: Folders that hold no finished or failed run, and what they are instead.
        notes: What a reader must know of how the runs fit together, in sentences: seeds that are missing at some
            points, keys that go with an axis, several machines or commits.
    """

    name: str
    question: str | None
    runs: Sequence[StudyRun]
    baselines: Sequence[StudyRun]
    axes: tuple[Axis, ...]
    is_sample: bool
    unfinished: Mapping[Path, str]
    notes: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks in the order of their first run."""
        return tuple(dict.fromkeys(run.task for run in self.runs))

    @property
    def methods(self) -> tuple[str, ...]:
        """Encoders in the order of their first run."""
        return tuple(dict.fromkeys(run.method for run in self.runs))

    @property
    def source(self) -> str:
        """Where the rows come from: `sample`, `jsonl`, `hub`; the same for all runs."""
        return str(self.runs[0].record["data"]["source"])

    @property
    def seeds(self) -> tuple[int, ...]:
        """All seeds, sorted."""
        return tuple(sorted({run.seed for run in self.runs}))
