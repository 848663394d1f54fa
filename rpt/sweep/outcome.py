"""State of a sweep that Hydra's callback, launchers and sweepers share with the command line.

Hydra constructs these plugins itself and passes them nothing but a configuration. The plugins get the state by
`current()`. `rpt.cli` creates a new state for each command and reads the state when the command ends.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # Hydra imports this module at every start, also for help
    from rpt.config.schema import Config


@dataclass(frozen=True)
class Accepted:
    """A point that may be trained.

    Attributes:
        values: Whole resolved configuration, as `rpt.config.compose.plain` returns it.
        config: Typed configuration, after all checks.
    """

    values: dict[str, Any]
    config: Config


@dataclass
class SweepOutcome:
    """Checked and failed points of a sweep.

    Attributes:
        given: Overrides of the command line, word for word. They are the same for all points.
        examined: Accepted point, or the error that refuses the point, by the point's overrides.
        stopped: Rung and rank of each point that successive halving has stopped, by the point's name.
        failed: Error of each point that ended without a score, by the point's name. A sweeper raises only one error.
        unreported: Folder of the sweep's runs if the command that writes a report is still to be printed; else None.
    """

    given: list[str] = field(default_factory=list)
    examined: dict[tuple[str, ...], Accepted | Exception] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)
    unreported: str | None = None

    def name(self, point: Sequence[str]) -> str:
        """Name a point by the overrides that distinguish it from the other points of its sweep.

        Args:
            point: Overrides that compose the point. Sweepers may change the case of a given override (`True` for
                `true`).
        """
        fixed = {text.lower() for text in self.given}
        return " ".join([text for text in point if text.lower() not in fixed] or point)

    def report_command(self) -> str | None:
        """Return a line with the command that writes a report; None at the second call, or if no run has a score."""
        folder, self.unreported = self.unreported, None
        is_whole_loss = 0 < len(self.examined) <= len(self.failed)
        return None if folder is None or is_whole_loss else f"python -m rpt.report {shlex.quote(folder)} compares them"


_state = SweepOutcome()


def current() -> SweepOutcome:
    """Return the state of this process's sweep."""
    return _state


def start() -> SweepOutcome:
    """Begin a new sweep in this process and return its state."""
    global _state
    _state = SweepOutcome()
    return _state
