"""A lock on a file that ends with its process, however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.05

UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)
"""How file systems say that they have no locks: Lustre without `-o flock`, NFS without a lock daemon, some FUSE."""


class Lock:
    """An exclusive lock of the kernel (flock). Its file exists while it is held, and after a process was killed.

    Attributes:
        is_supported: Whether the file system has locks. Where it has none, `acquire` succeeds and excludes nobody.
    """

    def __init__(self, path: Path) -> None:
        self.is_supported = True
        self._path = path
        self._handle: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds it."""
        return self._handle is not None

    def acquire(self, seconds: float) -> bool:
        """Take the lock; False where another process holds it for that long.

        Raises:
            OSError: The file cannot be made, or is a link.
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
            if not is_taken:  # else its holder has removed the file with its end, and another file counts by now
                if time.monotonic() >= deadline:
                    return False
                time.sleep(POLL_SECONDS)

    def release(self, *, keep_file: bool = False) -> None:
        """Give the lock back and remove its file; nothing where it is not held.

        Args:
            keep_file: Whether the file stays, because another machine holds a lock on it that is not seen here.
        """
        if self._handle is None:
            return
        if not keep_file:
            with suppress(OSError):
                self._path.unlink()  # while the lock is held, so that nobody has taken it in this file
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
    """Whether a process holds the lock of a file; None where the file system or its permissions do not tell."""
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
