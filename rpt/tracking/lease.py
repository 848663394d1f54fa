"""A lease says who trains a run, to readers on any machine that sees the run's folder.

On one machine the kernel's lock is the authority: it ends with its process, however that ends. Other machines that
share the file system may not see that lock, so whoever trains a run also keeps a small file in its folder and renews
it every few seconds. A lease that has not been renewed for a minute is a dead one. Clocks of machines that share
runs must therefore agree to well within a minute, as network time makes them. A lease whose time lies farther ahead
than that is watched for some seconds instead: a living holder renews it. A process that was suspended for longer
may find its lease in other hands when it wakes: it asks before it writes.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

NAME = ".lease"
BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
WATCH_SECONDS = 20.0
"""How long a lease from a clock that is ahead is watched: four times the pause between two renewals."""

DRAFT = re.compile(re.escape(NAME) + r"\.[0-9a-f]{16}")
"""Names of the files by which leases are renewed."""

_first_seen: dict[str, tuple[float, float]] = {}
"""By token of a lease from a clock that is ahead: its newest time, and when this process first saw it (monotonic)."""


@dataclass(frozen=True)
class Holder:
    """Who trains a run.

    Attributes:
        host: The machine's name.
        machine: Tells a boot of one machine from all others.
        pid: Of the process.
        started: When it took the lease, ISO 8601.
        beat: When it last renewed the lease, seconds since 1970.
        token: Tells the lease from all others.
    """

    host: str
    machine: str
    pid: int
    started: str
    beat: float
    token: str

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, where the lock says more than the lease."""
        return self.machine == machine()

    @property
    def is_fresh(self) -> bool:
        """Whether it was renewed within the last minute, or, if its time lies ahead, since it was first seen here."""
        age = time.time() - self.beat
        if age > -STALE_SECONDS:
            return age < STALE_SECONDS
        beat, since = _first_seen.get(self.token, (math.nan, 0.0))
        if beat != self.beat:
            _first_seen[self.token] = (self.beat, time.monotonic())
            return True
        return time.monotonic() - since < WATCH_SECONDS

    @property
    def is_running(self) -> bool:
        """Whether there is such a process on this machine."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:  # a process of another user
            return True
        return True

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def read(folder: Path) -> Holder | None:
    """Read the lease in a run's folder, fresh or not; None where there is none, or one that is damaged."""
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or {key: type(value) for key, value in found.items()} != KINDS:
        return None
    is_sound = math.isfinite(found["beat"]) and found["pid"] > 0 and found["host"].isprintable()
    return Holder(**found) if is_sound else None


KINDS = {"host": str, "machine": str, "pid": int, "started": str, "beat": float, "token": str}


@cache
def machine() -> str:
    """The name of this machine and the id of its boot, where the system has one."""
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()}/{boot}"


class Lease:
    """This process's lease of one run folder, renewed by a thread of its own until it is given back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._mine = Holder(socket.gethostname(), machine(), os.getpid(), started, time.time(), secrets.token_hex(8))
        self._draft = folder / f"{NAME}.{self._mine.token}"  # not another holder's, who might put it in its place
        self._successor: Holder | None = None

    def take(self, *, is_locked: bool = True) -> Holder | None:
        """Take the lease.

        Args:
            is_locked: Whether the caller holds the folder's lock, so that no process of this machine does the same.
                Else the lease alone decides, for processes of this machine too.

        Returns:
            None where it was taken; else the living holder.

        Raises:
            OSError: The folder cannot be written.
        """
        other = self._living(is_locked)
        if other is not None:
            return other
        for old in self._folder.iterdir():
            if old.name == NAME or DRAFT.fullmatch(old.name):
                old.unlink(missing_ok=True)
        self._mine = replace(self._mine, beat=time.time())
        with suppress(FileExistsError):
            self._create()
        self._successor = None
        if (other := self.successor()) is not None:  # of several machines that try, the last to make it has it
            return other
        self._ended.clear()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {self._folder.name}", daemon=True)
        self._thread.start()
        return None

    def _living(self, is_locked: bool) -> Holder | None:
        """The holder that keeps this process out, if there is one; one whose clock is ahead is watched first."""
        first = found = read(self._folder)
        while found is not None and found == first and found.is_fresh:
            if found.is_here and (is_locked or not found.is_running):
                return None
            if found.beat - time.time() < STALE_SECONDS:
                return found
            time.sleep(0.1)
            found = read(self._folder)
        return None if found == first else found

    def _create(self) -> None:
        file = self._path.open("x", encoding="utf-8")  # never one that is there, nor through a link
        try:
            with file:
                json.dump(asdict(self._mine), file)
        except OSError:  # a full disk
            self._path.unlink(missing_ok=True)
            raise

    def give_back(self) -> None:
        """Stop renewing, and remove the file if it is still this process's."""
        if self._thread is None:
            return
        self._ended.set()
        self._thread.join()
        self._thread = None
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)
            if self.successor() is None:
                self._path.unlink()

    def successor(self) -> Holder | None:
        """Who has taken the lease from this process, also if it has given it back since; None where nobody has."""
        found = read(self._folder)
        if found is not None and found.token != self._mine.token:
            self._successor = found
        return self._successor

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with suppress(OSError):  # a full disk: the lease grows stale, the training itself says what is wrong
                self._draft.write_text(json.dumps(asdict(replace(self._mine, beat=time.time()))), encoding="utf-8")
                if self.successor() is not None:  # looked at last, because a write to a far disk may take its time
                    return
                self._draft.replace(self._path)
