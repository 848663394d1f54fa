"""Options of the cache of texts. `rpt.tracking.cache_facts` makes them from the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class CacheOptions:
    """Limits and folder of the cache that holds the constant states of texts.

    Attributes:
        max_bytes: Largest number of bytes that are kept in memory.
        folder: Folder of the cache on disk; None (default) keeps states in memory alone.
        max_disk_bytes: Largest size of all files of the cache on disk, in bytes.
        facts: Facts about machine and libraries that can change the last bits of states.
    """

    max_bytes: int = 4 * 2**30
    folder: Path | None = None
    max_disk_bytes: int = 64 * 2**30
    facts: Mapping[str, object] = field(default_factory=dict)
