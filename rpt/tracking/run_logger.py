"""Interface of the loggers that receive a run's curve and results, such as W&B."""

from __future__ import annotations

from typing import Protocol

from rpt.tracking.record import Record

Values = dict[str, float | int]


class CannotSend(Exception):
    """An online logger cannot send. With `mode=offline` it keeps the same data on this machine."""


class RunLogger(Protocol):
    """Logger of one run. Its methods may raise any exception, which `rpt.tracking.loggers` catches."""

    def log(self, values: Values) -> None:
        """Log a row of the curve.

        Args:
            values: Values of the row by name, including `step`.
        """

    def finish(self, record: Record, *, succeeded: bool) -> None:
        """End the run. The run's folder already holds all its files.

        Args:
            record: Final record of the run.
            succeeded: Whether the run is finished or stopped, and its record written.
        """
