"""Cache of computed tensors in memory, with an optional second cache on disk."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor

from rpt.backbones.disk_cache import DiskCache

Key = TypeVar("Key", bound=Hashable)


class BoundedCache(Generic[Key]):
    """Cache of computed tensors with a limit on memory. Tensors that do not fit are read from disk, or computed again.

    Args:
        max_bytes: Largest number of bytes that are kept in memory.
        disk: Cache on disk, to which every computed tensor is written; None (default) for a cache in memory alone.

    Attributes:
        max_bytes: Largest number of bytes that are kept in memory.
        disk: Cache on disk; None for a cache in memory alone.
        num_bytes: Number of bytes that are kept in memory.
        num_computed: Number of tensors that have been computed.
        is_closed: Whether the cache keeps no more tensors in memory (`close`).

    Examples:
        >>> import torch
        >>> cache = BoundedCache(max_bytes=100)
        >>> for _ in range(2):
        ...     tensor = cache.of(3, lambda: torch.ones(3))
        >>> tensor.tolist(), cache.num_computed
        ([1.0, 1.0, 1.0], 1)
    """

    def __init__(self, max_bytes: int, disk: DiskCache | None = None) -> None:
        self.max_bytes = max_bytes
        self.disk = disk
        self._kept: dict[Key, Tensor] = {}
        self.num_bytes = 0
        self.num_computed = 0
        self.is_closed = False

    def of(self, key: Key, compute: Callable[[], Tensor]) -> Tensor:
        """Return the tensor of a key. `compute` is called only if neither memory nor disk holds the tensor."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        tensor = None if self.disk is None else self.disk.read(key)
        if tensor is None:
            tensor = compute()
            self.num_computed += 1
            if self.disk is not None:
                self.disk.write(key, tensor)
        size = tensor.numel() * tensor.element_size()
        if not self.is_closed and self.num_bytes + size <= self.max_bytes:
            self._kept[key] = tensor
            self.num_bytes += size
        return tensor

    def clear(self) -> None:
        """Drop all tensors that are kept in memory, which frees the memory."""
        self._kept.clear()
        self.num_bytes = 0

    def close(self) -> bool:
        """Drop all tensors in memory and keep no more there. Return whether any tensor was kept in memory."""
        had_tensors = bool(self._kept)
        self.is_closed = True
        self.clear()
        return had_tensors
