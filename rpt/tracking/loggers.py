"""Loggers of a run: W&B, TensorBoard and Lightning's loggers. Loggers cannot change a run's numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rpt.config.schema import LoggerConfig
from rpt.tracking.folder import RunFolder
from rpt.tracking.lightning_logger import LightningLogger, build_logger
from rpt.tracking.record import Record
from rpt.tracking.run_logger import CannotSend, RunLogger, Values
from rpt.tracking.tensorboard_logger import TensorBoardLogger
from rpt.tracking.wandb_logger import WandbLogger

KINDS: dict[str, Callable[[LoggerConfig, RunFolder, Record], RunLogger]] = {
    "wandb": WandbLogger,
    "tensorboard": TensorBoardLogger,
}
"""Class of each kind of logger, except Lightning's loggers, which the user's configuration names."""


class Loggers:
    """All loggers of a run. A logger that fails from `start` on is dropped with a warning, and the run continues.

    Args:
        sections: Configuration of each logger, by name.
        folder: Folder of the run.
        warn: Function that adds a warning to the run's record.

    Raises:
        ConfigError: A logger of Lightning cannot be built.
    """

    def __init__(self, sections: dict[str, LoggerConfig], folder: RunFolder, warn: Callable[[str], None]) -> None:
        self._sections = sections
        self._folder = folder
        self._warn = warn
        self._open: dict[str, RunLogger] = {}
        self._built = {
            name: build_logger(f"logger.{name}", section.component, folder)
            for name, section in sections.items()
            if section.kind == "lightning" and section.component is not None
        }

    def start(self, record: Record) -> None:
        """Begin the run in each logger.

        Args:
            record: Record of the run at its start.
        """
        for name, section in self._sections.items():
            self._guard(name, partial(self._start, name, section, record))

    def _start(self, name: str, section: LoggerConfig, record: Record) -> None:
        if name in self._built:
            self._open[name] = LightningLogger(self._built[name], self._folder, record)
            return
        start = KINDS[section.kind]
        try:
            self._open[name] = start(section, self._folder, record)
        except CannotSend as error:
            self._open[name] = start(section.model_copy(update={"mode": "offline"}), self._folder, record)
            self._warn(f"logger {name} writes its files to the run's folder only: {error}")

    def log(self, values: Values) -> None:
        """Pass a row of the curve to each logger."""
        for name, logger in list(self._open.items()):
            self._guard(name, partial(logger.log, values))

    def finish(self, record: Record, *, succeeded: bool) -> None:
        """End the run in each logger, so that it does not mix with the next run of the process.

        Args:
            record: Final record of the run.
            succeeded: Whether the run is finished or stopped, and its record written.
        """
        for name, logger in list(self._open.items()):
            self._guard(name, partial(logger.finish, record, succeeded=succeeded))
        self._open = {}

    def _guard(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # an error of a third party must not damage the run
            self._open.pop(name, None)
            self._warn(f"logger {name} failed and was dropped: {type(error).__name__}: {error}")
