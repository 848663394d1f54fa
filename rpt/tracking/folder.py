"""A run's folder: who is writing it, what state it is in, and the names of its files."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rpt.errors import RptError, StorageError
from rpt.tracking.files import storage, write_json

LOCK = ".lock"


class FolderInUse(RptError):
    """Another process is writing this run."""


class RunFolder:
    """The folder of one run. Locked from `open` to `close`; nobody else writes it meanwhile.

    The lock is the kernel's (flock): it ends with its process, however that ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "run.json"
        self.curve = path / "metrics.csv"
        self.predictions = path / "predictions.jsonl"
        self.prompt = path / "prompt.safetensors"
        self.head = path / "head.safetensors"
        self.adapter = path / "adapter"
        self.checkpoint = path / "last.ckpt"
        self.previous_checkpoint = path / "previous.ckpt"
        self._lock = FileLock(path / LOCK, blocking=False)

    def open(self) -> None:
        """Make the folder if need be and take its lock.

        Raises:
            FolderInUse: Another process holds it.
            StorageError: The folder cannot be made or written.
        """
        with storage(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except Timeout as error:
                advice = "Wait for it to end; the same command then says so, or goes on where it stopped."
                raise FolderInUse(f"{self.path}: another process is training this run. {advice}") from error

    def close(self) -> None:
        """Give the lock back; a folder that nothing was written to goes, too, as after a refusal."""
        if self._lock.is_locked:
            with suppress(OSError):
                if [entry.name for entry in self.path.iterdir()] == [LOCK]:
                    (self.path / LOCK).unlink()
                    self.path.rmdir()
        self._lock.release()

    def read_record(self) -> dict[str, Any] | None:
        """The run's record, or None where there is none yet.

        Raises:
            StorageError: There is one, but it is not JSON, or not a record.
        """
        if not self.record.exists():
            return None
        advice = "Move the folder away, or set rerun=true to train again."
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StorageError(f"{self.record}: cannot be read ({error}). {advice}") from error
        if not isinstance(record, dict) or "status" not in record:
            raise StorageError(f"{self.record}: is no record of rpt. {advice}")
        return record

    def write_record(self, record: dict[str, Any]) -> None:
        """Replace the run's record."""
        write_json(self.record, record)

    def supersede(self) -> None:
        """Set everything of an earlier training aside in `superseded/N`, so that `rerun=true` loses nothing."""
        with storage(self.path):
            aside = self.path / "superseded"
            aside.mkdir(exist_ok=True)
            target = aside / str(1 + sum(1 for _ in aside.iterdir()))
            target.mkdir()
            for entry in self.path.iterdir():
                if entry.name not in (LOCK, aside.name):
                    shutil.move(entry, target / entry.name)

    def sweep_up(self) -> None:
        """Remove temporary files that a killed writer left behind."""
        with storage(self.path):
            for entry in self.path.glob(".*"):
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name != LOCK:
                    entry.unlink()
