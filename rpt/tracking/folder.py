"""The folder of a run: its lock, its record, and the names of its files."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from rpt.errors import RptError, StorageError
from rpt.prompt.files import ENCODER_FILE
from rpt.system.lock import Lock, is_locked
from rpt.system.writing import DRAFT, storage, write_json
from rpt.tracking import lease
from rpt.tracking.record import Record

RECORD = "run.json"
LOCK = ".lock"
LOCK_SECONDS = 0.5
"""Longest wait for a folder's lock, in seconds. A process that only tests the lock holds it for a moment."""


class FolderInUse(RptError):
    """Another process is training this run."""


class LeaseLost(FolderInUse):
    """Another process has taken over this run while this process was suspended."""


class RunFolder:
    """Folder of one run. It is locked from `open` to `close`, so that no other process writes it meanwhile.

    The lock is a lock of the kernel (flock), which ends with its process in every case. A lease (`rpt.tracking.lease`)
    protects the folder from processes on other machines.

    Args:
        path: Path of the folder; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = path / RECORD
        self.curve = path / "metrics.csv"
        self.predictions = path / "predictions.jsonl"
        self.diagnostics = path / "diagnostics.json"
        self.prompt = path / "prompt.safetensors"
        self.encoder = path / ENCODER_FILE
        self.head = path / "head.safetensors"
        self.adapter = path / "adapter"
        self.checkpoint = path / "last.ckpt"
        self.previous_checkpoint = path / "previous.ckpt"
        self._lock = Lock(path / LOCK)
        self._lease = lease.Lease(path)

    @property
    def _written(self) -> tuple[Path, ...]:
        """Paths in the folder that a training may write."""
        files = (self.record, self.curve, self.predictions, self.diagnostics, self.prompt, self.encoder, self.head)
        adapter_and_checkpoints = (self.adapter, self.checkpoint, self.previous_checkpoint)
        names = (LOCK, lease.NAME, "superseded", "replay", "tensorboard", "wandb")
        return (*files, *adapter_and_checkpoints, *(self.path / name for name in names))

    def results(self) -> list[Path]:
        """List the existing result files: record, curve, predictions, diagnostics, prompt, head and adapter."""
        files = (self.record, self.curve, self.predictions, self.diagnostics, self.prompt, self.encoder, self.head)
        return [file for file in (*files, *sorted(self.adapter.glob("*"))) if file.is_file()]

    def open(self) -> None:
        """Create the folder if it does not exist, and take its lock and its lease.

        Raises:
            FolderInUse: Another process holds the lock or the lease.
            StorageError: The folder cannot be created or written, or a link has the name of a file of the run.
        """
        with storage(self.path):
            self._acquire_lock()
            try:
                self._refuse_links()
                other_holder = self._lease.take(is_locked=self._lock.is_supported)
            except BaseException:
                self.close()
                raise
            if other_holder is not None:
                self.close()
                path = self.path / lease.NAME
                advice = f"Its lease is {path}: remove that file if you are certain that the process has ended."
                raise self._in_use(str(other_holder), advice)

    def _acquire_lock(self) -> None:
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                is_held = self._lock.acquire(LOCK_SECONDS)
            except FileNotFoundError:  # the last holder has just removed the empty folder
                continue
            if not is_held:
                raise self._in_use("another process", f"It holds the lock of {self.path / LOCK}.")
            return

    def _in_use(self, holder: str, detail: str) -> FolderInUse:
        advice = "Wait until it ends. The same command then prints the result, or resumes the run."
        return FolderInUse(f"{self.path}: {holder} is training this run. {advice} {detail}")

    def _refuse_links(self) -> None:
        """Refuse a link with the name of a file of the run, because it may lead to a file outside the folder."""
        link = next((path for path in self._written if path.is_symlink()), None)
        if link is not None:
            advice = "Remove the link, or put the file itself in its place, then run the same command again."
            raise StorageError(f"{link}: is a link, and a run does not write through links in its folder. {advice}")

    def close(self) -> None:
        """Release lock and lease and remove their files, unless another process holds them; remove an empty folder."""
        self._lease.give_back()
        if self._lock.is_held:
            self._lock.release(keep_file=self._lease.successor() is not None)
            with suppress(OSError):
                self.path.rmdir()  # fails unless the folder is empty

    def tidy(self) -> None:
        """Remove the lock, lease and temporary files of a killed process, unless the folder is in use or read-only."""
        if any((self.path / name).exists() for name in (LOCK, lease.NAME)):
            with suppress(RptError, OSError):
                self.open()
                try:
                    self.sweep_up()
                finally:
                    self.close()

    def holder(self) -> lease.Holder | None:
        """Return the process that is training the run; None if no process trains it.

        A process on this machine is recognised by its lock. A process on another machine is recognised by its lease, or
        by its lock if the file system shares locks.
        """
        holder = lease.read(self.path)
        if holder is None:
            return None
        is_held = is_locked(self.path / LOCK)
        if is_held is None and holder.is_here:  # no locks on this file system
            return holder if holder.is_fresh and holder.is_running else None
        is_alive = (holder.is_fresh and not holder.is_here) or is_held
        return holder if is_alive else None

    def check_lease(self) -> None:
        """Check that this process still holds the folder. The training calls this before every write.

        Raises:
            LeaseLost: This process was suspended until its lease expired, and another process has taken over the run.
        """
        successor = self._lease.successor()
        if successor is not None:
            raise LeaseLost(
                f"{self.path}: {successor} has taken this run over, because this process had not renewed its lease for "
                f"{lease.STALE_SECONDS:.0f} seconds: it was suspended, or its disk did not answer. This process "
                "stops and leaves the run's files unchanged. Run the same command again: it waits for the other "
                "process or resumes the run."
            )

    def read_record(self) -> Record | None:
        """Read the run's record; None if there is no record yet.

        Raises:
            RecordError: The record cannot be read, or is not a record that rpt writes.
        """
        return Record.read(self.path) if os.path.exists(self.record) else None  # noqa: PTH110, False for any odd path

    def write_record(self, record: Record) -> None:
        """Replace the run's record."""
        write_json(self.record, record.values())

    def supersede(self) -> None:
        """Move all files of an earlier training to `superseded/N`, so that `rerun=true` loses nothing."""
        with storage(self.path):
            superseded = self.path / "superseded"
            superseded.mkdir(exist_ok=True)
            target = superseded / str(1 + sum(1 for _ in superseded.iterdir()))
            target.mkdir()
            for entry in self.path.iterdir():
                if entry.name != superseded.name and not _is_of_the_holder(entry):
                    shutil.move(entry, target / entry.name)

    def sweep_up(self) -> None:
        """Remove the temporary files that a killed process has left behind while it wrote files of this run."""
        names = {path.name for path in self._written}
        with storage(self.path):
            for folder in (self.path, self.adapter):
                for entry in folder.glob(".*.rpt-draft"):
                    match = DRAFT.fullmatch(entry.name)
                    if match is not None and (match["name"] in names or folder == self.adapter) and entry.is_file():
                        entry.unlink()


def _is_of_the_holder(entry: Path) -> bool:
    """Whether a file is the lock or a lease, which belong to the process that holds the folder, not to a training."""
    return entry.name in (LOCK, lease.NAME) or lease.DRAFT.fullmatch(entry.name) is not None
