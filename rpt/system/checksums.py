"""Compute checksums of files. A process reads an unchanged file once, unless the file is very new (`SETTLED`)."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

SETTLED = 2.0
"""Smallest age of a file's last change, in seconds, at which its checksum is cached.

File systems round times. A second change soon after the first could leave the file's time unchanged.
"""

_cache: dict[tuple[int, ...], str] = {}


def file_sha256(path: Path) -> str:
    """Compute the sha256 of a file's content, as hexadecimal digits.

    The checksum is cached by the file's device, inode, size and times. A file that was changed less than `SETTLED`
    seconds ago is not cached.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        before = _state(path)
        if before not in _cache:
            checksum = hashlib.file_digest(file, "sha256").hexdigest()
            if before != _state(path) or time.time() - max(before[-2:]) / 1e9 < SETTLED:
                return checksum
            _cache[before] = checksum
    return _cache[before]


def _state(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
