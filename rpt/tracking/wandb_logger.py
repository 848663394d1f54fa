"""Weights & Biases logger: sends the configuration, curve, summary, tables and files of a run to its own W&B run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from rpt.config.schema import LoggerConfig
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record
from rpt.tracking.run_logger import CannotSend, Values
from rpt.tracking.summary import chosen_state, counted, read_diagnostics, read_predictions, summary

LONGEST_NAME = 128
"""Largest number of characters of an artifact's name in W&B."""

ENDING_SECONDS = 60.0
"""Seconds to wait at the end of a run for W&B to receive the last rows and files. W&B itself would wait forever."""

RETRY_SECONDS = 600.0
"""Seconds for which W&B is not tried again after it could not be reached. Otherwise each run of a pack would wait."""


def run_id(record: Record) -> str:
    """Compute the run's id in W&B: a resumed run keeps its id, and each `rerun=true` has a new id."""
    return hashlib.sha256(f"{record.identity_hash} {record.started}".encode()).hexdigest()[:16]


def wandb_config(record: Record) -> dict[str, Any]:
    """Build the run's configuration for W&B: all keys, the chosen options, the identity hash and facts of the data."""
    data = {f"data_{key}": getattr(record.data, key, None) for key in ("source", "release", "version", "checksum")}
    return {**record.config, "chosen": record.chosen, "identity_hash": record.identity_hash, **data}


def tags(record: Record) -> list[str]:
    """List the run's tags in W&B: task, backbone, encoder and protocol, and `sample-data` for sample rows."""
    config = record.config
    encoder = record.chosen.get("encoder", "encoder")
    names = [config["task"]["name"], config["backbone"]["name"], encoder, config["protocol"]["name"]]
    return [*names, "sample-data"] if record.data.source == "sample" else names


class WandbLogger:
    """Logger of one run, with its own W&B run even if the process trains several runs. Offline unless `mode=online`.

    Args:
        section: Configuration of the logger.
        folder: Folder of the run.
        record: Record of the run at its start.

    Raises:
        CannotSend: `mode=online` is set, and W&B cannot be reached.
    """

    _failure: ClassVar[tuple[float, str] | None] = None  # time and reason of the last failure to reach W&B

    def __init__(self, section: LoggerConfig, folder: RunFolder, record: Record) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        self._folder = folder
        if section.mode == "online":
            self._check_connection()
        ending = {"finish_timeout": ENDING_SECONDS, "finish_timeout_raises": True} if section.mode == "online" else {}
        self._run = self._begin(section, record, **ending)
        self._run.define_metric("*", step_metric="step")

    def _check_connection(self) -> None:
        """Check that W&B answers and accepts the key, because a failed `wandb.init` would leave the run's name in use.

        Raises:
            CannotSend: W&B does not answer, or does not accept the key.
        """
        import wandb

        failure = WandbLogger._failure
        if failure is None or time.monotonic() - failure[0] > RETRY_SECONDS:
            try:
                wandb.login(prompt=False, verify=True)
                return
            except wandb.Error as error:
                reason = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(".")
                failure = WandbLogger._failure = (time.monotonic(), reason)
        offline_folder = self._folder.path / "wandb" / "offline-*"
        raise CannotSend(f"W&B could not be reached ({failure[1]}). {_later(offline_folder)}")

    def _begin(self, section: LoggerConfig, record: Record, **settings: Any) -> Any:
        import wandb

        return wandb.init(
            project=section.project,
            entity=section.entity,
            mode=section.mode,
            dir=self._folder.path,
            id=run_id(record),
            resume="allow",
            name=section.name or record.name,
            group=record.config["group"],
            job_type=record.chosen.get("encoder"),
            tags=[*tags(record), *(tag for tag in section.tags if tag not in tags(record))],
            notes=record.config.get("question"),
            config=wandb_config(record),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, **settings),
        )

    def log(self, values: Values) -> None:
        """Log a row of the curve.

        W&B's own step is set too, so that a resumed run continues its curve. A resumed run may repeat some steps, and
        W&B keeps one row for each step.
        """
        self._run.log(dict(values), step=int(values["step"]))

    def finish(self, record: Record, *, succeeded: bool) -> None:
        """Send the summary, the tables and the run's files, and close the W&B run even if sending fails."""
        try:
            diagnostics = read_diagnostics(self._folder)
            self._run.summary.update(summary(record, diagnostics))
            with _staged_in(Path(self._run.settings.wandb_dir)):
                self._log_last(record, diagnostics)
                self._log_files(record)
        finally:
            self._end(0 if succeeded else 1)

    def _end(self, exit_code: int) -> None:
        folder = Path(self._run.dir).parent
        try:
            self._run.finish(exit_code=exit_code)
        except TimeoutError as error:
            raise TimeoutError(
                f"W&B has not received all rows and files in {ENDING_SECONDS:.0f} s. {_later(folder)}"
            ) from error

    def _log_last(self, record: Record, diagnostics: Mapping[str, Any] | None) -> None:
        """Log a last row with the tables, the values for bar charts over runs, and the objective of W&B sweeps."""
        import wandb

        contents = {"predictions": prediction_table(read_predictions(self._folder))}
        if diagnostics is not None:
            contents["virtual_tokens"] = token_table(diagnostics)
        made = {
            name: wandb.Table(columns=[*columns], data=[*rows]) for name, (columns, rows) in contents.items() if rows
        }
        if row := {**chosen_state(record), **counted(record), **made}:
            self._run.log(row)

    def _log_files(self, record: Record) -> None:
        import wandb

        name = re.sub(r"[^A-Za-z0-9_.-]", "_", record.name)[-LONGEST_NAME:]
        about = {"identity_hash": record.identity_hash, "status": record.status}
        artifact = wandb.Artifact(name, type="run", metadata=about)
        for file in self._folder.results():
            # Adding a folder would print messages, and adding a reference would reveal this machine's paths.
            artifact.add_file(str(file), name=str(file.relative_to(self._folder.path)), skip_cache=True)
        self._run.log_artifact(artifact)


Rows = Sequence[Sequence[Any]]


def prediction_table(lines: Sequence[Mapping[str, Any]]) -> tuple[list[str], Rows]:
    """Build columns and rows of the table of predictions; lists and objects are written as JSON."""
    columns = list(dict.fromkeys(key for line in lines for key in line))
    return columns, [[_cell(line.get(column)) for column in columns] for line in lines]


def token_table(diagnostics: Mapping[str, Any]) -> tuple[list[str], Rows]:
    """Build columns and rows of the table of virtual tokens: norm, drift, gate, nearest tokens of the vocabulary."""
    tokens = diagnostics["nearest"]
    count = len(tokens[0])
    near = [f"{column}_{rank}" for rank in range(1, count + 1) for column in ("token", "cosine")]
    gates = diagnostics["gate"] or [None] * len(tokens)
    numbers = zip(diagnostics["norms"], diagnostics["drift"], gates, strict=True)
    rows = [
        [index, *values, *(value for pair in pairs for value in pair)]
        for index, (values, pairs) in enumerate(zip(numbers, tokens, strict=True))
    ]
    return ["virtual_token", "norm", "drift", "gate", *near], rows


def _later(folder: Path) -> str:
    """Return the advice how to upload files that were not sent."""
    return f"`wandb sync {folder}` uploads the run later."


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


@contextmanager
def _staged_in(folder: Path) -> Iterator[None]:
    """Let W&B copy the files that it uploads into the run's folder, where a later `wandb sync` finds them."""
    name = "WANDB_DATA_DIR"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(folder)
    try:
        yield
    finally:
        del os.environ[name]
