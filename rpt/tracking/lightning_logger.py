"""Connect runs with Lightning: log a run with any of Lightning's loggers, and receive the values that callbacks log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lightning.pytorch.loggers import Logger

from rpt.config.construct import construct_with_known
from rpt.config.schema import Component
from rpt.errors import ConfigError
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.tracking.run_logger import Values
from rpt.tracking.summary import read_diagnostics, settings, summary

LOGGED_BY_RUNS = ("train/", "held_out/", "reported/", "epoch")
"""Prefixes of the values that a run passes to its loggers itself.

`CallbackLogger` ignores them, so that they are not logged twice.
"""


def build_logger(key: str, component: Component, folder: RunFolder) -> Logger:
    """Build a logger of Lightning for a run.

    The logger writes to the run's folder, if its constructor takes `save_dir` and the configuration does not set
    `save_dir`.

    Args:
        key: Key of the logger in the configuration, for error messages.
        component: Checked section of the configuration.
        folder: Folder of the run.

    Raises:
        ConfigError: The constructor raises an error, or it builds something else than a logger of Lightning.
    """
    logger = construct_with_known(key, component, {"save_dir": str(folder.path)})
    if not isinstance(logger, Logger):
        advice = f"builds a {type(logger).__qualname__}, which is no lightning.pytorch.loggers.Logger."
        raise ConfigError.of(f"{key}._target_", component.target, advice)
    return logger


class LightningLogger:
    """Logger of one run that passes the curve, the settings and the summary to a logger of Lightning.

    Args:
        logger: Logger of Lightning.
        folder: Folder of the run.
        record: Record of the run at its start.
    """

    def __init__(self, logger: Logger, folder: RunFolder, record: Record) -> None:
        self._folder = folder
        self._logger = logger
        self._logger.log_hyperparams(settings(record))

    def log(self, values: Values) -> None:
        """Log a row of the curve."""
        metrics = {name: value for name, value in values.items() if name != "step"}
        self._logger.log_metrics(metrics, int(values["step"]))

    def finish(self, record: Record, *, succeeded: bool) -> None:
        """Log the numbers of the run's summary (scores, costs, diagnostics of the prompt), and close the logger."""
        flat = summary(record, read_diagnostics(self._folder))
        numbers = {f"summary/{key}": value for key, value in flat.items() if isinstance(value, int | float)}
        self._logger.log_metrics(numbers, int(record.steps or 0))
        self._logger.save()
        self._logger.finalize("success" if succeeded else "failed")


class CallbackLogger(Logger):
    """Logger for Lightning's Trainer. Callbacks log values to it, and it passes them to the loggers of a run.

    Args:
        folder: Folder of the run.
        log: Function that passes values, among them `step`, to the run's loggers.
    """

    def __init__(self, folder: RunFolder, log: Callable[[Values], None]) -> None:
        super().__init__()
        self._folder = folder
        self._log = log

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return self._folder.path.name

    @property
    def version(self) -> str:
        """Version of the logger, which is always empty."""
        return ""

    @property
    def save_dir(self) -> str:
        """Path of the run's folder."""
        return str(self._folder.path)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Pass the values of a callback to the run's loggers."""
        values = {name: float(value) for name, value in metrics.items() if not name.startswith(LOGGED_BY_RUNS)}
        if values and step is not None:
            self._log({"step": step, **values})

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Log nothing, because the run has already passed its settings to its loggers."""
