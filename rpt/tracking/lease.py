"""Lease of a run's folder: a file with a heartbeat that names the process which trains the run.

On one machine, the kernel's lock (flock) prevents two processes from training the same run. It ends with its process in
every case. Other machines that share the file system may not see the lock. A process that trains a run therefore also
keeps a small file in the run's folder, the lease, and renews it every few seconds. A lease that has not been renewed
for a minute has expired.

The clocks of machines that share runs must agree to well within a minute, as with network time. If the time in a lease
is more than a minute in the future, the clocks do not agree. The lease is then watched for some seconds, and counts as
valid if its process renews it. Before a process writes, it checks that it still holds the lease, because another
process may have taken the lease while the process was suspended.
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
"""Seconds for which a lease with a time in the future is watched: four times the interval between two heartbeats."""

DRAFT = re.compile(re.escape(NAME) + r"\.[0-9a-f]{16}")
"""Pattern of the names of the temporary files by which leases are renewed."""

_first_seen: dict[str, tuple[float, float]] = {}
"""Leases with a time in the future, by token: the last heartbeat, and the monotonic time when it was first seen."""


@dataclass(frozen=True)
class Holder:
    """Content of a lease: the process that trains a run.

    Attributes:
        host: Name of the machine.
        machine: Identifier of the machine and its present boot.
        pid: Process id.
        started: Time when the process took the lease, ISO 8601.
        beat: Time of the last heartbeat, in seconds since 1970.
        token: Random identifier of the lease.
    """

    host: str
    machine: str
    pid: int
    started: str
    beat: float
    token: str

    @property
    def is_here(self) -> bool:
        """Whether the process is on this machine, where the lock is more reliable than the lease."""
        return self.machine == machine()

    @property
    def is_fresh(self) -> bool:
        """Whether the lease has not expired: its last heartbeat is less than a minute old.

        A lease whose heartbeat is more than a minute in the future counts as fresh for `WATCH_SECONDS` after each new
        heartbeat is seen.
        """
        age = time.time() - self.beat
        if age > -STALE_SECONDS:
            return age < STALE_SECONDS
        beat, first_time = _first_seen.get(self.token, (math.nan, 0.0))
        if beat != self.beat:
            _first_seen[self.token] = (self.beat, time.monotonic())
            return True
        return time.monotonic() - first_time < WATCH_SECONDS

    @property
    def is_running(self) -> bool:
        """Whether a process with this id exists on this machine."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except OSError:  # the process belongs to another user
            return True
        return True

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def read(folder: Path) -> Holder | None:
    """Read the lease in a run's folder, even if it has expired; None if it is missing or damaged."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or {key: type(value) for key, value in content.items()} != KINDS:
        return None
    is_sound = math.isfinite(content["beat"]) and content["pid"] > 0 and content["host"].isprintable()
    return Holder(**content) if is_sound else None


KINDS = {"host": str, "machine": str, "pid": int, "started": str, "beat": float, "token": str}


@cache
def machine() -> str:
    """Return the name of this machine and the id of its present boot, if the system has such an id."""
    boot = ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{socket.gethostname()}/{boot}"


class Lease:
    """Lease of this process on a run's folder. A thread renews the lease until it is given back.

    Args:
        folder: Folder of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / NAME
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        started = datetime.now(UTC).isoformat(timespec="seconds")
        self._holder = Holder(socket.gethostname(), machine(), os.getpid(), started, time.time(), secrets.token_hex(8))
        # The name is unique, so that two processes never write the same draft.
        self._draft = folder / f"{NAME}.{self._holder.token}"
        self._successor: Holder | None = None

    def take(self, *, is_locked: bool = True) -> Holder | None:
        """Take the lease.

        Args:
            is_locked: Whether the caller holds the folder's lock, which excludes other processes on this machine. If
                False, only the lease decides, also between processes on this machine.

        Returns:
            None if the lease was taken; otherwise the process that holds it.

        Raises:
            OSError: The folder cannot be written.
        """
        living = self._living(is_locked)
        if living is not None:
            return living
        for old in self._folder.iterdir():
            if old.name == NAME or DRAFT.fullmatch(old.name):
                old.unlink(missing_ok=True)
        self._holder = replace(self._holder, beat=time.time())
        with suppress(FileExistsError):
            self._create()
        self._successor = None
        successor = self.successor()
        if successor is not None:  # if several machines try at once, the last to create the file wins
            return successor
        self._stop.clear()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {self._folder.name}", daemon=True)
        self._thread.start()
        return None

    def _living(self, is_locked: bool) -> Holder | None:
        """Return the process that holds a valid lease and so prevents this process from taking it; None if none does.

        A lease with a time in the future is watched first, until it is renewed or has expired.
        """
        first = holder = read(self._folder)
        while holder is not None and holder == first and holder.is_fresh:
            if holder.is_here and (is_locked or not holder.is_running):
                return None
            if holder.beat - time.time() < STALE_SECONDS:
                return holder
            time.sleep(0.1)
            holder = read(self._folder)
        return None if holder == first else holder

    def _create(self) -> None:
        file = self._path.open("x", encoding="utf-8")  # fails if the file exists or is a link
        try:
            with file:
                json.dump(asdict(self._holder), file)
        except OSError:  # a full disk
            self._path.unlink(missing_ok=True)
            raise

    def give_back(self) -> None:
        """Stop renewing the lease, and remove its file if this process still holds it."""
        if self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        with suppress(OSError):
            self._draft.unlink(missing_ok=True)
            if self.successor() is None:
                self._path.unlink()

    def successor(self) -> Holder | None:
        """Return the process that has taken the lease from this process, even if that process has ended; else None."""
        holder = read(self._folder)
        if holder is not None and holder.token != self._holder.token:
            self._successor = holder
        return self._successor

    def _renew(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            with suppress(OSError):  # on a full disk the lease expires, and the training reports the error
                self._draft.write_text(json.dumps(asdict(replace(self._holder, beat=time.time()))), encoding="utf-8")
                if self.successor() is not None:  # checked after the write, which may be slow on a network disk
                    return
                self._draft.replace(self._path)
