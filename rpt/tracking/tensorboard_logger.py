"""TensorBoard logger: writes event files to `tensorboard/` in the run's folder."""

from __future__ import annotations

import json
from typing import Any

from rpt.config.schema import LoggerConfig
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.tracking.run_logger import Values
from rpt.tracking.summary import read_diagnostics, settings, summary


class TensorBoardLogger:
    """Logger of one run.

    It writes the curve and the summary as scalars, the configuration as text, and the settings as hyperparameters.

    Args:
        section: Configuration of the logger.
        folder: Folder of the run.
        record: Record of the run at its start.
    """

    def __init__(self, section: LoggerConfig, folder: RunFolder, record: Record) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        # `purge_step` drops the points after the checkpoint of an interrupted training, which are logged again.
        self._writer: Any = SummaryWriter(str(folder.path / "tensorboard"), purge_step=record.resumed_step + 1)
        config = json.dumps(record.config, indent=2, ensure_ascii=False)
        self._writer.add_text("config", "\n".join(f"    {line}" for line in config.splitlines()))  # Markdown code

    def log(self, values: Values) -> None:
        """Write a row of the curve."""
        for key, value in values.items():
            if key != "step":
                self._writer.add_scalar(key, value, int(values["step"]))

    def finish(self, record: Record, *, succeeded: bool) -> None:
        """Write the summary and hyperparameters of the run, and close the files."""
        from torch.utils.tensorboard.summary import hparams

        flat = summary(record, read_diagnostics(self._folder))
        numbers = {f"summary/{key}": value for key, value in flat.items() if isinstance(value, int | float)}
        for message in hparams({**settings(record), "status": record.status}, numbers):
            self._writer.file_writer.add_summary(message)
        for key, value in numbers.items():
            self._writer.add_scalar(key, value)
        self._writer.close()
