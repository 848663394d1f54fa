"""Lock a file, so that only one process uses it. The kernel releases the lock when the process ends or is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.05

UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""Error numbers of file systems without locks: Lustre without `-o flock`, NFS without a lock daemon, some FUSE."""


class Lock:
    """Exclusive lock of the kernel (flock) on a file. `release` removes the file; a killed process leaves it behind.

    Args:
        path: Path of the file.

    Attributes:
        is_supported: Whether the file system has locks. Without locks, `acquire` succeeds and excludes no process.
    """

    def __init__(self, path: Path) -> None:
        self.is_supported = True
        self._path = path
        self._handle: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._handle is not None

    def acquire(self, seconds: float) -> bool:
        """Wait for the lock and take it. Return whether it was taken within the given time.

        Args:
            seconds: Longest time to wait for another process to release the lock.

        Raises:
            OSError: The file cannot be created, or is a link.
        """
        deadline = time.monotonic() + seconds
        while True:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
            try:
                is_taken = self._take(handle)
                if is_taken and self._is_at_path(handle):
                    self._handle = handle
                    return True
            finally:
                if self._handle is None:
                    os.close(handle)
            if not is_taken:  # if the lock was taken on a file that is no longer at the path, try again at once
                if time.monotonic() >= deadline:
                    return False
                time.sleep(POLL_SECONDS)

    def release(self, *, keep_file: bool = False) -> None:
        """Release the lock and remove its file; do nothing if the lock is not held.

        Args:
            keep_file: Whether to keep the file, because a process on another machine may hold a lock on it.
        """
        if self._handle is None:
            return
        if not keep_file:
            with suppress(OSError):
                self._path.unlink()  # removed while locked, so that no other process locks this file
        os.close(self._handle)
        self._handle = None

    def _take(self, handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            self.is_supported = False
        return True

    def _is_at_path(self, handle: int) -> bool:
        try:
            return os.path.samestat(os.fstat(handle), os.lstat(self._path))
        except FileNotFoundError:
            return False


def is_locked(path: Path) -> bool | None:
    """Whether a process holds the lock on a file; None if permissions or the file system do not allow the test."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(handle)
    return False
