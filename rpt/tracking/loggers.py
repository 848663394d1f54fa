"""Where a run's curve goes besides its folder: W&B and TensorBoard. A run's numbers never depend on them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from rpt.config import LoggerConfig

Values = dict[str, float | int]


class RunLogger(Protocol):
    """What every logger of one run can do."""

    def log(self, values: Values) -> None:
        """Take a row of the curve; it has `step`."""

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        """End the run: its scores and how it ended."""


def run_id(record: dict[str, Any]) -> str:
    """The same for a run and its resumes, another for each `rerun=true`."""
    return hashlib.sha256(f"{record['identity_hash']} {record['started']}".encode()).hexdigest()[:16]


class WandbLogger:
    """A run of its own in W&B, however many runs the process has. Offline unless `mode=online`."""

    def __init__(self, section: LoggerConfig, folder: Path, record: dict[str, Any]) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
        self._run = wandb.init(
            project=section.project,
            entity=section.entity,
            mode=section.mode,
            dir=folder,
            id=run_id(record),
            resume="allow",
            name=record["name"],
            group=record["config"]["group"],
            config={**record["config"], "data_source": record["data"]["source"]},
            reinit="create_new",
            settings=settings,
        )
        self._run.define_metric("*", step_metric="step")

    def log(self, values: Values) -> None:
        """Take a row of the curve."""
        self._run.log(dict(values))

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        """Write the summary and close the run."""
        self._run.summary.update(summary)
        self._run.finish(exit_code=0 if succeeded else 1)


class TensorBoardLogger:
    """Event files in the run folder's `tensorboard/`."""

    def __init__(self, section: LoggerConfig, folder: Path, record: dict[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # Of an interrupted training's points, those that will be drawn again are dropped.
        self._writer: Any = SummaryWriter(str(folder / "tensorboard"), purge_step=record["resumed_step"] + 1)

    def log(self, values: Values) -> None:
        """Take a row of the curve."""
        for key, value in values.items():
            if key != "step":
                self._writer.add_scalar(key, value, int(values["step"]))

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        """Write the scores as a last point and close the files."""
        for key, value in summary.items():
            if isinstance(value, int | float):
                self._writer.add_scalar(f"summary/{key}", value)
        self._writer.close()


KINDS: dict[str, Callable[[LoggerConfig, Path, dict[str, Any]], RunLogger]] = {
    "wandb": WandbLogger,
    "tensorboard": TensorBoardLogger,
}
"""`csv` is missing on purpose: the run folder's own `metrics.csv` is always written."""


class Loggers:
    """All loggers of a run behind a wall: one that fails is dropped with a warning, and the run goes on."""

    def __init__(
        self,
        sections: dict[str, LoggerConfig],
        folder: Path,
        record: dict[str, Any],
        warn: Callable[[str], None],
    ) -> None:
        self._warn = warn
        self._open: dict[str, RunLogger] = {}
        for name, section in sections.items():
            if section.kind in KINDS:
                self._guard(name, partial(self._start, name, section, folder, record))

    def _start(self, name: str, section: LoggerConfig, folder: Path, record: dict[str, Any]) -> None:
        self._open[name] = KINDS[section.kind](section, folder, record)

    def log(self, values: Values) -> None:
        """Hand a row of the curve to each."""
        for name, logger in list(self._open.items()):
            self._guard(name, partial(logger.log, values))

    def finish(self, summary: dict[str, Any], *, succeeded: bool) -> None:
        """End the run in each, so that none is merged with the next run of the process."""
        for name, logger in list(self._open.items()):
            self._guard(name, partial(logger.finish, summary, succeeded=succeeded))
        self._open = {}

    def _guard(self, name: str, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # whatever a third party raises, the run's own record is whole
            self._open.pop(name, None)
            self._warn(f"logger {name} failed and was dropped: {type(error).__name__}: {error}")
