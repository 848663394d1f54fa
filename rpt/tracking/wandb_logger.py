"""Weights & Biases: a run of its own for each run, with its configuration, curve, end, tables and files."""

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

from rpt.config import LoggerConfig
from rpt.tracking.folder import RunFolder
from rpt.tracking.run_logger import CannotSend, Values
from rpt.tracking.summary import chosen_state, counted, read_diagnostics, read_predictions, summary

LONGEST_NAME = 128
"""Letters in an artifact's name, by W&B's rule."""

ENDING_SECONDS = 60.0
"""How long the end of a run waits for W&B to take its last rows and files; W&B itself would wait for ever."""

RETRY_SECONDS = 600.0
"""How long W&B is not asked again once it could not be reached, so that the runs of a pack do not wait one by one."""


def run_id(record: Mapping[str, Any]) -> str:
    """The same for a run and its resumes, another for each `rerun=true`."""
    return hashlib.sha256(f"{record['identity_hash']} {record['started']}".encode()).hexdigest()[:16]


def wandb_config(record: Mapping[str, Any]) -> dict[str, Any]:
    """The whole configuration, the options by name as `chosen`, and what tells the run and its rows from others."""
    data = {f"data_{key}": record["data"].get(key) for key in ("source", "release", "version", "checksum")}
    return {**record["config"], "chosen": record["chosen"], "identity_hash": record["identity_hash"], **data}


def tags(record: Mapping[str, Any]) -> list[str]:
    """Words to find the run by."""
    config = record["config"]
    encoder = record["chosen"].get("encoder", "encoder")
    words = [config["task"]["name"], config["backbone"]["name"], encoder, config["protocol"]["name"]]
    return [*words, "sample-data"] if record["data"]["source"] == "sample" else words


class WandbLogger:
    """A run of its own in W&B, however many runs the process has. Offline unless `mode=online`.

    Raises:
        CannotSend: With `mode=online`, where W&B cannot be reached.
    """

    _failure: ClassVar[tuple[float, str] | None] = None  # when W&B could not be reached in this process, and why

    def __init__(self, section: LoggerConfig, folder: RunFolder, record: dict[str, Any]) -> None:
        os.environ.setdefault("WANDB_SILENT", "true")
        self._folder = folder
        if section.mode == "online":
            self._knock()
        ending = {"finish_timeout": ENDING_SECONDS, "finish_timeout_raises": True} if section.mode == "online" else {}
        self._run = self._begin(section, record, **ending)
        self._run.define_metric("*", step_metric="step")

    def _knock(self) -> None:
        """See whether W&B answers and takes the key: a run that is begun in vain leaves its name taken.

        Raises:
            CannotSend: It does not.
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
        kept = self._folder.path / "wandb" / "offline-*"
        raise CannotSend(f"W&B could not be reached ({failure[1]}). {_later(kept)}")

    def _begin(self, section: LoggerConfig, record: Mapping[str, Any], **settings: Any) -> Any:
        import wandb

        return wandb.init(
            project=section.project,
            entity=section.entity,
            mode=section.mode,
            dir=self._folder.path,
            id=run_id(record),
            resume="allow",
            name=section.name or record["name"],
            group=record["config"]["group"],
            job_type=record["chosen"].get("encoder"),
            tags=[*tags(record), *(tag for tag in section.tags if tag not in tags(record))],
            notes=record["config"].get("question"),
            config=wandb_config(record),
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True, **settings),
        )

    def log(self, values: Values) -> None:
        """Take a row of the curve.

        The step is W&B's own too: a run that goes on then continues its curve, and steps that a kill had made it
        take twice, which have the same bits, are kept once.
        """
        self._run.log(dict(values), step=int(values["step"]))

    def finish(self, record: Mapping[str, Any], *, succeeded: bool) -> None:
        """Write the summary, the tables and the run's files, and close the run, whatever of that fails."""
        try:
            diagnostics = read_diagnostics(self._folder)
            self._run.summary.update(summary(record, diagnostics))
            with _staged_in(Path(self._run.settings.wandb_dir)):
                self._log_last(record, diagnostics)
                self._log_files(record)
        finally:
            self._end(0 if succeeded else 1)

    def _end(self, exit_code: int) -> None:
        kept = Path(self._run.dir).parent
        try:
            self._run.finish(exit_code=exit_code)
        except TimeoutError as error:
            raise TimeoutError(f"W&B has not taken all of it in {ENDING_SECONDS:.0f} s. {_later(kept)}") from error

    def _log_last(self, record: Mapping[str, Any], diagnostics: Mapping[str, Any] | None) -> None:
        """The tables, what bars over runs are made of, and what leads a sweep of W&B: of the curve's last row."""
        import wandb

        found = {"predictions": prediction_table(read_predictions(self._folder))}
        if diagnostics is not None:
            found["virtual_tokens"] = token_table(diagnostics)
        made = {name: wandb.Table(columns=[*columns], data=[*rows]) for name, (columns, rows) in found.items() if rows}
        if row := {**chosen_state(record), **counted(record), **made}:
            self._run.log(row)

    def _log_files(self, record: Mapping[str, Any]) -> None:
        import wandb

        name = re.sub(r"[^A-Za-z0-9_.-]", "_", record["name"])[-LONGEST_NAME:]
        about = {"identity_hash": record["identity_hash"], "status": record["status"]}
        artifact = wandb.Artifact(name, type="run", metadata=about)
        for file in self._folder.results():
            # Not by folder, which would print; not by reference, which would name this machine's paths.
            artifact.add_file(str(file), name=str(file.relative_to(self._folder.path)), skip_cache=True)
        self._run.log_artifact(artifact)


Rows = Sequence[Sequence[Any]]


def prediction_table(lines: Sequence[Mapping[str, Any]]) -> tuple[list[str], Rows]:
    """Columns and rows of the predictions; what is no single value is written as JSON."""
    columns = list(dict.fromkeys(key for line in lines for key in line))
    return columns, [[_cell(line.get(column)) for column in columns] for line in lines]


def token_table(diagnostics: Mapping[str, Any]) -> tuple[list[str], Rows]:
    """Columns and rows of the virtual tokens: how long, how far moved, how much the encoder adds, what lies near."""
    tokens = diagnostics["nearest"]
    count = len(tokens[0])
    near = [f"{what}_{place}" for place in range(1, count + 1) for what in ("token", "cosine")]
    gates = diagnostics["gate"] or [None] * len(tokens)
    numbers = zip(diagnostics["norms"], diagnostics["drift"], gates, strict=True)
    rows = [
        [place, *values, *(value for pair in pairs for value in pair)]
        for place, (values, pairs) in enumerate(zip(numbers, tokens, strict=True))
    ]
    return ["virtual_token", "norm", "drift", "gate", *near], rows


def _later(kept: Path) -> str:
    """What to do with files that were not sent."""
    return f"`wandb sync {kept}` uploads it later."


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


@contextmanager
def _staged_in(folder: Path) -> Iterator[None]:
    """Let W&B copy what it uploads into the run's own folder: offline, that is where a later `wandb sync` finds it."""
    name = "WANDB_DATA_DIR"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(folder)
    try:
        yield
    finally:
        del os.environ[name]
