"""How the training of packs goes at a moment. Plain numbers: whoever shows them need not import torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pulse:
    """How training goes. Runs count here until their results are reported.

    Attributes:
        active: Runs that train.
        done: Runs that have been trained to their end.
        failed: Runs that have failed.
        share: Of the newest pack's steps that are done, 0 to 1; 0 where only run folders are known.
        rows: Rows of all runs that were trained on since the last pulse.
    """

    active: int
    done: int = 0
    failed: int = 0
    share: float = 0.0
    rows: int = 0


Watch = Callable[[Pulse | None], None]
"""Is told how training goes; None: time has passed, and from here nothing is known but the run folders."""


def nobody(pulse: Pulse | None) -> None:
    """Watches nothing."""
