"""Everything that one run writes: its record, curve, checkpoints, results, loggers."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from rpt.config import Config
from rpt.prompt.diagnostics import COLUMNS
from rpt.tracking import checkpoint
from rpt.tracking.curve import Curve, Row
from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import SCHEMA
from rpt.tracking.loggers import Loggers

TORN = "metrics.csv was removed or changed while the run trained: the curve may lack rows, the scores are not touched"


class Recorder:
    """Writes one run's folder, from its start to its end.

    Args:
        config: The run's configuration.
        identity_hash: What the run is (`rpt.tracking.identity`).
        folder: Open, so that nobody else writes it.
        metrics: Names of the task's metrics, for the curve's columns.
    """

    def __init__(self, config: Config, identity_hash: str, folder: RunFolder, metrics: tuple[str, ...]) -> None:
        self.config = config
        self.identity_hash = identity_hash
        self.folder = folder
        held_out = tuple(f"held_out/{name}" for name in (*metrics, "score", "loss"))
        of_prompt = COLUMNS if config.has_prompt else ()
        columns = ("step", "epoch", "train/loss", "train/grad_norm", "train/lr", *held_out, *of_prompt)
        self.curve = Curve(folder.curve, columns)
        self.record: dict[str, Any] = {
            "schema": SCHEMA,
            "status": "new",
            "name": folder.path.name,
            "identity_hash": identity_hash,
            "chosen": config.chosen,
            "config": config.model_dump(by_alias=True, exclude={"chosen"}, mode="json"),
            "started": _now(),
            "warnings": [],
        }
        self._loggers: Loggers | None = None
        self._seconds_before = 0.0
        self._since = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation, those before a resume included."""
        return self._seconds_before + time.perf_counter() - self._since

    def start(self, facts: dict[str, Any], resumed: dict[str, Any] | None) -> None:
        """Begin the run's files, or go on with them from a checkpoint's state.

        Args:
            facts: What the record says from the start: data, backbone, parameters, environment, pack.
            resumed: What `checkpoint` stored of the recorder; None for a new run.

        Raises:
            LeaseLost: Another process trains the run by now.
        """
        self.folder.check_lease()
        self.record.update({**facts, "status": "running"})
        if self.config.rerun:  # only now, when nothing can be refused any more
            self.folder.supersede()
        self.curve.start(resumed["curve_size"] if resumed else 0)
        if resumed:
            self._seconds_before = resumed["seconds"]
            self.record["started"] = resumed["started"]
            self.record["resumed"] = [*resumed["resumed"], _now()]
            self.record["warnings"] = [*resumed["warnings"]]
            self._note_other_bits(resumed["bits"], facts["environment"]["bits"])
        self._since = time.perf_counter()
        self.folder.sweep_up()
        self.folder.write_record(self.record)
        self._loggers = Loggers(self.config.logger, self.folder, self.record, self.warn)

    def _note_other_bits(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        differing = [f"{key} {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]]
        if differing:
            self.warn("resumed elsewhere, so not bit-exact: " + ", ".join(differing))

    def warn(self, message: str) -> None:
        """Note what a reader of the number must know."""
        self.record["warnings"].append(message)

    def add(self, row: Row) -> None:
        """Add a row to the curve and hand it to the loggers."""
        self.curve.add(row)
        if self._loggers is not None:
            self._loggers.log(row)

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Write the curve so far, then the state from which the run goes on.

        Raises:
            LeaseLost: Another process trains the run by now.
        """
        self.folder.check_lease()
        self._flush()
        recorder = {
            "curve_size": self.curve.size,
            "seconds": self.seconds,
            "started": self.record["started"],
            "resumed": self.record.get("resumed", []),
            "bits": self.record["environment"]["bits"],
            "warnings": self.record["warnings"],
        }
        whole = {
            "identity_hash": self.identity_hash,
            "recorder": recorder,
            **state,
        }
        checkpoint.save(self.folder, whole)

    def _flush(self) -> None:
        self.curve.flush()
        if self.curve.is_torn and TORN not in self.record["warnings"]:
            self.warn(TORN)

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The state to go on from, if there is one and the run is not to be trained again."""
        return None if self.config.rerun else checkpoint.load(self.folder, self.identity_hash)

    def load_previous_checkpoint(self) -> dict[str, Any] | None:
        """The state before the newest, if there is one."""
        return checkpoint.load_previous(self.folder, self.identity_hash)

    def step_back(self) -> None:
        """Drop the newest checkpoint; the one before it, if there is one, is then the newest."""
        checkpoint.step_back(self.folder)

    def finish(self, status: str, facts: dict[str, Any]) -> None:
        """End the run: the record's last version, and the end of every logger.

        The record is written before the loggers take the folder's files, and again where one of them has failed and
        left a warning. A record that could not be written is told to no logger as a success.

        Args:
            status: `finished`, `failed` or `interrupted`.
            facts: What is known only now: scores, seconds, warnings' causes, an error.

        Raises:
            LeaseLost: Another process trains the run by now; the loggers are ended all the same.
        """
        self.record.update({"status": status, "finished": _now(), **facts})
        is_written = False
        try:
            self.folder.check_lease()
            self._flush()
            self.folder.write_record(self.record)
            is_written = True
        finally:
            warned = len(self.record["warnings"])
            if self._loggers is not None:
                self._loggers.finish(self.record, succeeded=is_written and status == "finished")
        if len(self.record["warnings"]) > warned:
            self.folder.write_record(self.record)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
