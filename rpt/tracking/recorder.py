"""Recorder of a run: writes the run's record, curve and checkpoints, and passes values to its loggers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rpt.config.schema import Config
from rpt.prompt.diagnostics import COLUMNS
from rpt.tracking import checkpoint
from rpt.tracking.checkpoint_shape import misfit, misfit_of_callbacks, rename_old_status
from rpt.tracking.curve import Curve, Row
from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import SCHEMA, Identity, answer_hash
from rpt.tracking.loggers import Loggers
from rpt.tracking.record import Record
from rpt.tracking.record_sections import is_folded
from rpt.tracking.status import RecordStatus
from rpt.training.halving import Competitor

TORN = "metrics.csv was removed or changed during training: the curve may lack rows, the scores are not affected"


class Recorder:
    """Writes the files of one run, from the start of the training to its end.

    Args:
        config: Configuration of the run.
        identity: Identity of the run.
        folder: Folder of the run. It must be open before `start` is called.
        metrics: Names of the task's metrics, for the curve's columns.
        competitor: Competition and rungs of the run in successive halving; None for a run that does not compete.

    Attributes:
        begins_anew: Whether the training ignores the folder's checkpoints, and moves the files of the earlier training
            aside when it begins. The default is `rerun` of the configuration.
    """

    def __init__(
        self,
        config: Config,
        identity: Identity,
        folder: RunFolder,
        metrics: tuple[str, ...],
        competitor: Competitor | None = None,
    ) -> None:
        self.config = config
        self.identity_hash = identity.hash
        self.folder = folder
        held_out = tuple(f"held_out/{name}" for name in (*metrics, "score", "loss"))
        of_prompt = COLUMNS if config.has_prompt else ()
        columns = ("step", "epoch", "train/loss", "train/grad_norm", "train/lr", *held_out, *of_prompt)
        self.curve = Curve(folder.curve, columns)
        self.begins_anew = config.rerun
        self.competitor = competitor
        self._identity = identity
        self._started = _now()
        self._record: Record | None = None
        self._loggers: Loggers | None = None
        self._seconds_before = 0.0
        self._start_time = time.perf_counter()

    @property
    def record(self) -> Record:
        """Record of the run; it exists from `start` on."""
        assert self._record is not None
        return self._record

    @property
    def is_running(self) -> bool:
        """Whether the training has begun and its end is not recorded."""
        return self._record is not None and self._record.status == "running"

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation, including the time before the run was resumed."""
        return self._seconds_before + time.perf_counter() - self._start_time

    def build_loggers(self) -> None:
        """Build the loggers of the open run, before its backbone is loaded. `start` begins the run in them.

        With `rerun=true`, `start` builds them again, because it moves the files of the earlier training away.

        Raises:
            ConfigError: A logger of Lightning cannot be built.
        """
        self._loggers = Loggers(self.config.logger, self.folder, self.warn)

    def start(self, sections: Mapping[str, Any], resumed: dict[str, Any] | None) -> None:
        """Begin the run's files, or continue them from a checkpoint.

        Args:
            sections: Sections of the record that are known at the start: data, backbone, parameters, environment, pack.
            resumed: State of the recorder in the checkpoint; None for a new run.

        Raises:
            LeaseLost: Another process has taken over the run.
            CheckpointError: `metrics.csv` does not fit the checkpoint.
            ConfigError: `build_loggers` was not called before, and a logger of Lightning cannot be built.
        """
        self.folder.check_lease()
        self._record = self._first_record(sections)
        if self.begins_anew:  # not earlier, because the run could still have been refused
            self.folder.supersede()
        if self._loggers is None or self.begins_anew:
            self.build_loggers()
        self.curve.start(resumed["curve_size"] if resumed else 0)
        if resumed:
            self._seconds_before = resumed["seconds"]
            times = (*resumed["resumed"], _now())
            warnings = tuple(resumed["warnings"])
            self._record = self.record.updated(started=resumed["started"], resumed=times, warnings=warnings)
            self._note_other_bits(resumed["bits"], self.record.environment.bits)
            self._note_other_version(resumed.get("rpt"))
        self._start_time = time.perf_counter()
        self.folder.sweep_up()
        self.folder.write_record(self.record)
        assert self._loggers is not None
        self._loggers.start(self.record)

    def _first_record(self, sections: Mapping[str, Any]) -> Record:
        prompt, evaluation = sections.get("prompt"), sections.get("evaluation")
        answers = answer_hash(
            self.config,
            self._identity.backbone_sha256,
            is_folded=is_folded(prompt),
            max_new_tokens=None if evaluation is None else evaluation.max_new_tokens,
        )
        first = {
            "schema": SCHEMA,
            "status": "running",
            "name": self.folder.path.name,
            "identity_hash": self.identity_hash,
            "setting_hash": self._identity.setting_hash,
            "answer_hash": answers,
            "code": self._identity.code,
            "chosen": self.config.chosen,
            "config": self.config.model_dump(by_alias=True, exclude={"chosen"}, mode="json"),
            "started": self._started,
            "warnings": (),
        }
        return Record.model_validate({**first, **sections})

    def _note_other_bits(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        differing = [f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]]
        if differing:
            cause = "resumed on another machine or with other versions"
            self.warn(f"{cause}, so not exact to the last bit: {', '.join(differing)}")

    def _note_other_version(self, before: str | None) -> None:
        """Warn if another version of rpt wrote the checkpoint; `before` is None in checkpoints of early versions."""
        now = version("rpt")
        if before not in (None, now):
            self.warn(f"resumed by another version of rpt: {before} -> {now}")

    def warn(self, message: str) -> None:
        """Add a warning to the record."""
        self._record = self.record.updated(warnings=(*self.record.warnings, message))

    def add(self, row: Row) -> None:
        """Add a row to the curve and pass it to the loggers."""
        self.curve.add(row)
        self.log(row)

    def log(self, values: Row) -> None:
        """Pass values, among them `step`, to the loggers without adding them to the curve."""
        if self._loggers is not None:
            self._loggers.log(values)

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Write the curve so far, then the checkpoint.

        Args:
            state: State of the run and the pack, from which the training is resumed.

        Raises:
            LeaseLost: Another process has taken over the run.
        """
        self.folder.check_lease()
        self._flush()
        recorder = {
            "curve_size": self.curve.size,
            "seconds": self.seconds,
            "started": self.record.started,
            "resumed": list(self.record.resumed),
            "bits": self.record.environment.bits,
            "rpt": version("rpt"),
            "warnings": list(self.record.warnings),
        }
        checkpoint.save(self.folder, {"identity_hash": self.identity_hash, "recorder": recorder, **state})

    def _flush(self) -> None:
        self.curve.flush()
        if self.curve.is_torn and TORN not in self.record.warnings:
            self.warn(TORN)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """Read the last checkpoint; None without a checkpoint, or if the run begins anew.

        Raises:
            CheckpointError: The checkpoint is damaged, lacks values, or belongs to another run.
        """
        state = None if self.begins_anew else checkpoint.load(self.folder, self.identity_hash)
        return self._checked(state, checkpoint.newest(self.folder))

    def load_previous_checkpoint(self) -> dict[str, Any] | None:
        """Read the checkpoint before the last checkpoint; None if it does not exist.

        Raises:
            CheckpointError: The checkpoint is damaged, lacks values, or belongs to another run.
        """
        state = checkpoint.load_previous(self.folder, self.identity_hash)
        return self._checked(state, self.folder.previous_checkpoint)

    def _checked(self, state: dict[str, Any] | None, path: Path) -> dict[str, Any] | None:
        if state is None:
            return None
        rename_old_status(state)
        reason = misfit(state, self.identity_hash) or misfit_of_callbacks(state, self.config.callbacks)
        if reason is not None:
            raise checkpoint.damaged(path, reason)
        return state

    def step_back(self) -> None:
        """Remove the last checkpoint, so that the previous checkpoint, if it exists, becomes the last."""
        checkpoint.step_back(self.folder)

    def finish(self, status: RecordStatus, **values: Any) -> None:
        """End the run: write the final record and end every logger.

        The record is written before the loggers upload the folder's files. It is written again if a logger has failed
        and left a warning. If the record cannot be written, the loggers end without success.

        Args:
            status: Final status: `finished`, `stopped`, `failed` or `interrupted`.
            **values: Values of the record that are known only at the end: scores, seconds, an error.

        Raises:
            LeaseLost: Another process has taken over the run; the loggers are ended all the same.
        """
        self._record = self.record.updated(status=status, finished=_now(), **values)
        is_written = False
        try:
            self.folder.check_lease()
            self._flush()
            self.folder.write_record(self.record)
            is_written = True
        finally:
            num_warnings = len(self.record.warnings)
            if self._loggers is not None:
                self._loggers.finish(self.record, succeeded=is_written and status in ("finished", "stopped"))
        if len(self.record.warnings) > num_warnings:
            self.folder.write_record(self.record)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
