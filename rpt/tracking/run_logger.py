"""What a logger is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

Values = dict[str, float | int]


class CannotSend(Exception):
    """A logger that was to send at once and cannot; `mode=offline` keeps the same on this machine."""


class RunLogger(Protocol):
    """What every logger of one run can do. It may raise anything: `rpt.tracking.loggers` catches it."""

    def log(self, values: Values) -> None:
        """Take a row of the curve; it has `step`."""

    def finish(self, record: Mapping[str, Any], *, succeeded: bool) -> None:
        """End the run; its folder holds all that it leaves behind, `record` among it."""
