"""How the training of packs goes at a moment. Plain values: whoever shows them need not import torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["active", "done", "failed"]


@dataclass(frozen=True)
class Standing:
    """Where a run stands that has no result yet.

    Attributes:
        status: `active`: it trains; `done`: it has been trained to its end, by its last step or its patience, and its
            reported score is not known yet; `failed`.
        held_out: The best score so far on the rows that choose its checkpoint, 0 to 1; None before its first
            evaluation. No reported score: a maximum over evaluations, on other rows.
    """

    status: Status
    held_out: float | None = None


@dataclass(frozen=True)
class Pulse:
    """How training goes.

    Attributes:
        runs: Where each run stands, until its result is reported: by its identity from whoever trains it, by its
            point's name from `rpt.packing.campaign` on.
        share: Of the newest pack's steps that are done, 0 to 1; 0 where only run folders are known.
        rows: Rows of all runs that were trained on since the last pulse.
    """

    runs: Mapping[str, Standing] = field(default_factory=dict)
    share: float = 0.0
    rows: int = 0

    def count(self, status: Status) -> int:
        """How many runs stand so."""
        return sum(standing.status == status for standing in self.runs.values())


Watch = Callable[[Pulse | None], None]
"""Is told how training goes; None: time has passed, and from here nothing is known but the run folders."""


def nobody(pulse: Pulse | None) -> None:
    """Watches nothing."""
