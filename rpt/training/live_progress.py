"""Progress of the training of packs, as plain values, so that a progress display need not import torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rpt.tracking.status import RunStatus


@dataclass(frozen=True)
class RunProgress:
    """Progress of a run that has no final result yet.

    Attributes:
        status: Status of the run. `finished` includes a run that early stopping has ended while its pack is still
            trained. Its reported score is not known yet.
        held_out: Best score so far on the rows that select the checkpoint, 0 to 1; None before the first evaluation.
            It cannot be compared with the reported score, which is from other rows and from a single evaluation.
    """

    status: RunStatus
    held_out: float | None = None


@dataclass(frozen=True)
class PackProgress:
    """Progress of training at one moment.

    Attributes:
        runs: Progress of each run that has no final result yet. Keys are identity hashes, which
            `rpt.sweep.coordinator` replaces by the names of the points.
        share: Share of the current pack's steps that are done, 0 to 1; 0 if progress is read from run folders.
        rows: Number of rows, over all runs, that were trained on since the last report of progress.
    """

    runs: Mapping[str, RunProgress] = field(default_factory=dict)
    share: float = 0.0
    rows: int = 0

    def count(self, status: RunStatus) -> int:
        """Count the runs with a status."""
        return sum(run.status == status for run in self.runs.values())


ProgressCallback = Callable[[PackProgress | None], None]
"""Callback for progress. Its argument is None if only time has passed, and progress must be read from run folders."""


def ignore_progress(progress: PackProgress | None) -> None:
    """Ignore progress; the default callback."""
