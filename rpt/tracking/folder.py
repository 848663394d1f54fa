"""A run's folder: who is writing it, what state it is in, and the names of its files."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rpt.errors import RptError, StorageError
from rpt.tracking import lease
from rpt.tracking.files import storage, write_json

LOCK = ".lock"
LOCK_SECONDS = 0.5
"""How long a folder's lock is waited for: a reader that looks whether it is held holds it for a moment itself."""


class FolderInUse(RptError):
    """Another process is writing this run."""


class LeaseLost(FolderInUse):
    """Another process has taken this run over while this one slept."""


class RunFolder:
    """The folder of one run. Locked from `open` to `close`; nobody else writes it meanwhile.

    The lock is the kernel's (flock): it ends with its process, however that ends. A lease (`rpt.tracking.lease`) says
    the same to other machines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / "run.json"
        self.curve = path / "metrics.csv"
        self.predictions = path / "predictions.jsonl"
        self.diagnostics = path / "diagnostics.json"
        self.prompt = path / "prompt.safetensors"
        self.head = path / "head.safetensors"
        self.adapter = path / "adapter"
        self.checkpoint = path / "last.ckpt"
        self.previous_checkpoint = path / "previous.ckpt"
        self._lock = FileLock(path / LOCK, timeout=LOCK_SECONDS)
        self._lease = lease.Lease(path)

    def results(self) -> list[Path]:
        """The files that explain the run's number and give it again, as far as they are there: no checkpoints."""
        files = (self.record, self.curve, self.predictions, self.diagnostics, self.prompt, self.head)
        return [file for file in (*files, *sorted(self.adapter.glob("*"))) if file.is_file()]

    def open(self) -> None:
        """Make the folder if need be, take its lock and its lease.

        Raises:
            FolderInUse: Another process holds them.
            StorageError: The folder cannot be made or written.
        """
        with storage(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(poll_interval=0.05)
            except Timeout as error:
                raise self._in_use("another process") from error
            try:
                other = self._lease.take()
            except OSError:
                self._lock.release()
                raise
            if other is not None:
                self._lock.release()
                raise self._in_use(str(other))

    def _in_use(self, holder: str) -> FolderInUse:
        advice = "Wait for it to end; the same command then says so, or goes on where it stopped."
        return FolderInUse(f"{self.path}: {holder} is training this run. {advice}")

    def close(self) -> None:
        """Give lock and lease back; a folder that nothing was written to goes, too, as after a refusal."""
        self._lease.give_back()
        if self._lock.is_locked:
            with suppress(OSError):
                if [entry.name for entry in self.path.iterdir()] == [LOCK]:
                    (self.path / LOCK).unlink()
                    self.path.rmdir()
        self._lock.release()

    def holder(self) -> lease.Holder | None:
        """Who trains the run at this moment; None where nobody does.

        A process of this machine is believed by its lock; one of another by its lease, or by its lock where the file
        system shows that.
        """
        found = lease.read(self.path)
        if found is None:
            return None
        is_alive = (found.is_fresh and not found.is_here) or self._is_locked()
        return found if is_alive else None

    def check_lease(self) -> None:
        """See that this process still holds the folder that it has opened; asked before every write of a training.

        Raises:
            LeaseLost: It slept for longer than a lease lives, and another process goes on with the run.
        """
        other = self._lease.successor()
        if other is not None:
            raise LeaseLost(
                f"{self.path}: {other} has taken this run over, because this process had not renewed its lease for "
                f"{lease.STALE_SECONDS:.0f} seconds: it was suspended, or its disk did not answer. It stops and leaves "
                "the other's files as they are. Run the same command again: it waits for the other or goes on."
            )

    def _is_locked(self) -> bool:
        try:
            handle = os.open(self.path / LOCK, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

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
                if entry.name != aside.name and not _is_of_the_holder(entry):
                    shutil.move(entry, target / entry.name)

    def sweep_up(self) -> None:
        """Remove temporary files that a killed writer left behind."""
        with storage(self.path):
            for entry in self.path.glob(".*"):
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif not _is_of_the_holder(entry):
                    entry.unlink()


def _is_of_the_holder(entry: Path) -> bool:
    """Whether a file is lock or lease, which say who writes the folder and belong to no training."""
    return entry.name == LOCK or entry.name.startswith(lease.NAME)
