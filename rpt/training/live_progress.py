"""Progress of the training of packs, as plain values, so that a display of them need not import torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["active", "done", "failed"]


@dataclass(frozen=True)
class Standing:
    """Progress of a run without a result.

    Attributes:
        status: `active`: the run trains; `done`: the run has reached its last step or stopped early, and its reported
            score is not known yet; `failed`: the run has failed.
        held_out: Best score so far on the rows that select the checkpoint, 0 to 1; None before the first evaluation.
            It is a maximum over evaluations on other rows, and not comparable to a reported score.
    """

    status: Status
    held_out: float | None = None


@dataclass(frozen=True)
class Pulse:
    """Progress of training at one moment.

    Attributes:
        runs: Progress of each run without a result. The keys are identity hashes where the pulse is made, and names of
            points after `rpt.sweep.coordinator` has passed it on.
        share: Share of the current pack's steps that are done, 0 to 1; 0 if progress is read from run folders.
        rows: Number of rows, over all runs, that were trained on since the last pulse.
    """

    runs: Mapping[str, Standing] = field(default_factory=dict)
    share: float = 0.0
    rows: int = 0

    def count(self, status: Status) -> int:
        """Count the runs with a status."""
        return sum(standing.status == status for standing in self.runs.values())


Watch = Callable[[Pulse | None], None]
"""Callback for progress. Its argument is None if only time has passed, and progress must be read from run folders."""


def nobody(pulse: Pulse | None) -> None:
    """Ignore progress; the default callback."""
