"""Where runs stand that workers or other processes train, as far as their folders say it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rpt.packing.state import State
from rpt.pulse import Standing, Status
from rpt.tracking.curve import best_held_out
from rpt.tracking.folder import RunFolder

STATUSES: dict[str, Status] = {"running": "active", "done": "done", "failed": "failed"}
"""Of a run's state, and what they are to whoever watches; the other states are nobody's training."""


class Standings:
    """Reads where runs stand, each curve again only once its file has another size: after a checkpoint.

    A run that stops early or fails is written so with the end of its pack, and is active until then.
    """

    def __init__(self) -> None:
        self._read: dict[Path, tuple[int, float | None]] = {}

    def read(self, folders: Mapping[str, Path], states: Mapping[str, State]) -> dict[str, Standing]:
        """Where each run stands that somebody trains or has trained.

        Args:
            folders: Of the runs, by identity.
            states: Of these runs and maybe others, by identity.
        """
        return {
            identity: Standing(STATUSES[state.name], self._held_out(RunFolder(folder).curve))
            for identity, folder in folders.items()
            if (state := states[identity]).name in STATUSES
        }

    def _held_out(self, curve: Path) -> float | None:
        try:
            size = curve.stat().st_size
        except OSError:
            return None
        if curve not in self._read or self._read[curve][0] != size:
            self._read[curve] = (size, best_held_out(curve))
        return self._read[curve][1]
