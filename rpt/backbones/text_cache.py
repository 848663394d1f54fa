"""Cache of the keys and values that a frozen decoder computes for texts.

If a soft prompt is behind a text, the text does not attend to the prompt. The keys and values of the text are then
constant during training. They are computed once. A training step computes only the text's last token, the
prompt and the answer.

A prefix, which is a prompt of keys and values of every layer, reaches a backbone in the same form, `Context`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F
from transformers import DynamicCache

from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.disk_cache import DiskCache

States = Float[Tensor, "layers 2 heads tokens size"]
"""Keys and values of one text in every layer."""


@dataclass(frozen=True)
class Context:
    """Given keys and values for the rows of a forward pass. The tokens that the model computes follow them.

    They are the keys and values of cached texts, padded on the right, or of prefixes, padded on the left.

    Attributes:
        states: Keys and values of each row in every layer, with zeros at padding.
        mask: 1 at given keys and values, 0 at padding.
    """

    states: Float[Tensor, "rows layers 2 heads width size"]
    mask: Int64[Tensor, "rows width"]

    def padded(self, width: int) -> Context:
        """Return a copy whose rows are padded on the right to a given width."""
        more = width - self.mask.shape[1]
        return Context(F.pad(self.states, (0, 0, 0, more)), F.pad(self.mask, (0, more)))

    def of_rows(self, rows: Int64[Tensor, " chosen"]) -> Context:
        """Return the keys and values of chosen rows, in the given order. A row may be chosen several times."""
        return Context(self.states.index_select(0, rows), self.mask.index_select(0, rows))

    def as_cache(self) -> DynamicCache:
        """Convert the keys and values to the cache object of transformers, which a forward pass extends."""
        cache = DynamicCache()
        for layer in range(self.states.shape[1]):
            cache.update(self.states[:, layer, 0], self.states[:, layer, 1], layer)
        return cache


def states_of(cache: Any) -> Float[Tensor, "layers 2 heads tokens size"]:
    """Return the keys and values that a forward pass over a single text has put into a `DynamicCache`."""
    return torch.stack([torch.cat([layer.keys, layer.values]) for layer in cache.layers])


class TextCache(BoundedCache[tuple[int, ...]]):
    """Cache of keys and values with a limit on memory. Texts that do not fit are read from disk, or computed again.

    Args:
        compute: Function that computes the keys and values of a text from its token ids alone.
        max_bytes: Largest number of bytes that are kept in memory.
        disk: Cache on disk; None (default) for a cache in memory alone.

    Examples:
        >>> import torch
        >>> cache = TextCache(lambda ids: ids.float().expand(2, 2, 3, -1)[..., None], max_bytes=10_000)
        >>> context = cache.context([torch.tensor([5, 6]), torch.tensor([7])])
        >>> context.states.shape, context.mask.tolist()
        (torch.Size([2, 2, 2, 3, 2, 1]), [[1, 1], [1, 0]])
    """

    def __init__(
        self, compute: Callable[[Int64[Tensor, " tokens"]], States], max_bytes: int, disk: DiskCache | None = None
    ) -> None:
        super().__init__(max_bytes, disk)
        self._compute = compute

    def context(self, texts: Sequence[Int64[Tensor, " _"]]) -> Context:
        """Return the keys and values of texts, padded to the longest text.

        Args:
            texts: Token ids of each row's text, without padding. At least one text must have a token.
        """
        states = {row: self._of(text) for row, text in enumerate(texts) if len(text)}
        longest = max(states.values(), key=lambda state: state.shape[3])
        padded = longest.new_zeros(len(texts), *longest.shape)
        mask = torch.zeros(len(texts), longest.shape[3], dtype=torch.int64, device=longest.device)
        for row, state in states.items():
            padded[row, :, :, :, : state.shape[3]] = state
            mask[row, : state.shape[3]] = 1
        return Context(padded, mask)

    def _of(self, text: Int64[Tensor, " tokens"]) -> States:
        return self.of(tuple(text.tolist()), lambda: self._compute(text))
