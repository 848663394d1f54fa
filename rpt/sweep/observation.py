"""Read the progress of runs that workers or other processes train, from the folders of the runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rpt.tracking.curve import best_held_out
from rpt.tracking.folder import RunFolder
from rpt.tracking.run_state import RunState
from rpt.training.live_progress import RunProgress

SHOWN_STATUSES = ("running", "finished", "stopped", "failed")
"""Statuses that the progress display shows. Interrupted and missing runs are not shown."""


class ProgressReader:
    """Reader of the progress of runs. It reads a curve again only if the size of the curve's file has changed.

    A run that early stopping, halving or an error ends before its pack ends counts as running until the pack ends.
    """

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, float | None]] = {}

    def read(self, folders: Mapping[str, Path], states: Mapping[str, RunState]) -> dict[str, RunProgress]:
        """Read the progress of each run that is running, finished, stopped or failed.

        Args:
            folders: Folders of the runs, by identity hash.
            states: States of at least these runs, by identity hash.

        Returns:
            Status and best held-out score of each run, by identity hash.
        """
        return {
            identity: RunProgress(states[identity].status, self._held_out(RunFolder(folder).curve))
            for identity, folder in folders.items()
            if states[identity].status in SHOWN_STATUSES
        }

    def _held_out(self, curve: Path) -> float | None:
        try:
            size = curve.stat().st_size
        except OSError:
            return None
        if curve not in self._read or self._read[curve][0] != size:
            self._read[curve] = (size, best_held_out(curve))
        return self._read[curve][1]
