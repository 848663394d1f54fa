"""A run's folder: who is writing it, what state it is in, and the names of its files."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from rpt.errors import RptError, StorageError
from rpt.tracking import lease
from rpt.tracking.files import DRAFT, storage, write_json
from rpt.tracking.lock import Lock, is_locked
from rpt.tracking.record import read_record

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
        self._lock = Lock(path / LOCK)
        self._lease = lease.Lease(path)

    @property
    def _written(self) -> tuple[Path, ...]:
        """Every file and folder in here that a training writes."""
        files = (self.record, self.curve, self.predictions, self.diagnostics, self.prompt, self.head)
        others = (self.adapter, self.checkpoint, self.previous_checkpoint)
        names = (LOCK, lease.NAME, "superseded", "replay", "tensorboard", "wandb")
        return (*files, *others, *(self.path / name for name in names))

    def results(self) -> list[Path]:
        """The files that explain the run's number and give it again, as far as they are there: no checkpoints."""
        files = (self.record, self.curve, self.predictions, self.diagnostics, self.prompt, self.head)
        return [file for file in (*files, *sorted(self.adapter.glob("*"))) if file.is_file()]

    def open(self) -> None:
        """Make the folder if need be, take its lock and its lease.

        Raises:
            FolderInUse: Another process holds them.
            StorageError: The folder cannot be made or written, or a link stands where a file is to be written.
        """
        with storage(self.path):
            self._lock_it()
            try:
                self._refuse_links()
                other = self._lease.take(is_locked=self._lock.is_supported)
            except BaseException:
                self.close()
                raise
            if other is not None:
                self.close()
                advice = f"Its lease is {self.path / lease.NAME}: remove that file if the process is gone for certain."
                raise self._in_use(str(other), advice)

    def _lock_it(self) -> None:
        while True:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                is_held = self._lock.acquire(LOCK_SECONDS)
            except FileNotFoundError:  # its last holder has removed the folder, to which nothing was written
                continue
            if not is_held:
                raise self._in_use("another process", f"It holds the lock of {self.path / LOCK}.")
            return

    def _in_use(self, holder: str, more: str) -> FolderInUse:
        advice = "Wait for it to end; the same command then says so, or goes on where it stopped."
        return FolderInUse(f"{self.path}: {holder} is training this run. {advice} {more}")

    def _refuse_links(self) -> None:
        """Refuse a folder where a file of this run would be written through a link into a file of somebody else's."""
        link = next((path for path in self._written if path.is_symlink()), None)
        if link is not None:
            advice = "Remove the link, or put the file itself in its place, then run the same command again."
            raise StorageError(f"{link}: is a link, and a run writes through no link in its folder. {advice}")

    def close(self) -> None:
        """Give lock and lease back and remove their files; a folder that nothing was written to goes, too."""
        self._lease.give_back()
        if self._lock.is_held:
            self._lock.release(keep_file=self._lease.successor() is not None)
            with suppress(OSError):
                self.path.rmdir()  # only an empty one

    def tidy(self) -> None:
        """Remove lock, lease and drafts of a killed process; nothing where the folder is in use or read-only."""
        if any((self.path / name).exists() for name in (LOCK, lease.NAME)):
            with suppress(RptError, OSError):
                self.open()
                try:
                    self.sweep_up()
                finally:
                    self.close()

    def holder(self) -> lease.Holder | None:
        """Who trains the run at this moment; None where nobody does.

        A process of this machine is believed by its lock; one of another by its lease, or by its lock where the file
        system shows that.
        """
        found = lease.read(self.path)
        if found is None:
            return None
        is_held = is_locked(self.path / LOCK)
        if is_held is None and found.is_here:  # no locks on this file system
            return found if found.is_fresh and found.is_running else None
        is_alive = (found.is_fresh and not found.is_here) or is_held
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

    def read_record(self) -> dict[str, Any] | None:
        """The run's record, or None where there is none yet.

        Raises:
            RecordError: The record cannot be read, or is none that rpt writes.
        """
        return read_record(self.record) if os.path.exists(self.record) else None  # noqa: PTH110, False for any odd path

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
        """Remove the drafts of this run's own files that a killed writer left behind, and nothing else."""
        names = {path.name for path in self._written}
        with storage(self.path):
            for folder in (self.path, self.adapter):
                for entry in folder.glob(".*.rpt-draft"):
                    found = DRAFT.fullmatch(entry.name)
                    if found is not None and (found["name"] in names or folder == self.adapter) and entry.is_file():
                        entry.unlink()


def _is_of_the_holder(entry: Path) -> bool:
    """Whether a file is lock or lease, which say who writes the folder and belong to no training."""
    return entry.name in (LOCK, lease.NAME) or lease.DRAFT.fullmatch(entry.name) is not None
