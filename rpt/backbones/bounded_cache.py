"""Cache of computed tensors with a limit on memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor

Key = TypeVar("Key", bound=Hashable)


class BoundedCache(Generic[Key]):
    """Cache of computed tensors with a limit on memory. Tensors that do not fit are computed each time.

    Args:
        max_bytes: Largest number of bytes that are kept.

    Attributes:
        max_bytes: Largest number of bytes that are kept.
        num_bytes: Number of bytes that are kept.
        num_computed: Number of tensors that have been computed.
        is_closed: Whether the cache keeps no more tensors (`close`).

    Examples:
        >>> import torch
        >>> cache = BoundedCache(max_bytes=100)
        >>> for _ in range(2):
        ...     tensor = cache.of(3, lambda: torch.ones(3))
        >>> tensor.tolist(), cache.num_computed
        ([1.0, 1.0, 1.0], 1)
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._kept: dict[Key, Tensor] = {}
        self.num_bytes = 0
        self.num_computed = 0
        self.is_closed = False

    def of(self, key: Key, compute: Callable[[], Tensor]) -> Tensor:
        """Return the tensor of a key, which is computed unless it is kept."""
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        computed = compute()
        self.num_computed += 1
        size = computed.numel() * computed.element_size()
        if not self.is_closed and self.num_bytes + size <= self.max_bytes:
            self._kept[key] = computed
            self.num_bytes += size
        return computed

    def clear(self) -> None:
        """Drop all kept tensors, which frees their memory."""
        self._kept.clear()
        self.num_bytes = 0

    def close(self) -> bool:
        """Drop all kept tensors and keep no more. Return whether any tensor was kept."""
        had_tensors = bool(self._kept)
        self.is_closed = True
        self.clear()
        return had_tensors
