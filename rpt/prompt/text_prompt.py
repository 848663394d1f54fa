"""Prompts that depend on the text: one prompt for each text, and updates of the text's own embeddings.

Most encoders give one matrix [length, hidden] for all texts. An encoder may also read the text, or change the text's
embeddings (`rpt.prompt.needs`). Its output then belongs to the texts of a batch and cannot be kept as a single matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

TEXTS_IN_A_BLOCK, TOKENS_IN_A_BLOCK = 32, 256
"""Numbers of rows that an encoder reads at a time. All blocks have the same shape, so that the result for a text has
the same bits whatever other texts the batch holds."""


@dataclass(frozen=True)
class Texts:
    """Texts of one run in a batch, as token ids.

    Attributes:
        ids: Token ids, padded on the right.
        mask: 1 at text, 0 at padding.
        embed: Function that returns the backbone's input embedding of each token id, in the dtype of the backbone.

    Examples:
        >>> import torch
        >>> table = torch.tensor([[0.0, 2.0], [4.0, 6.0]])
        >>> texts = Texts(torch.tensor([[0, 1, 0]]), torch.tensor([[1, 1, 0]]), lambda ids: table[ids])
        >>> texts.means().tolist(), texts.token_ids().tolist()
        ([[2.0, 4.0]], [0, 1])
    """

    ids: Int64[Tensor, "texts tokens"]
    mask: Int64[Tensor, "texts tokens"]
    embed: Callable[[Int64[Tensor, "rows columns"]], Float[Tensor, "rows columns hidden"]]

    def embeddings(self, ids: Int64[Tensor, "rows columns"]) -> Float[Tensor, "rows columns hidden"]:
        """Return the embeddings of token ids in float64 for a float64 backbone, else in float32."""
        rows: Tensor = self.embed(ids).detach()
        return rows if rows.dtype == torch.float64 else rows.float()

    def means(self) -> Float[Tensor, "texts hidden"]:
        """Compute the mean embedding of the tokens of each text, without padding."""
        weight = self.mask[..., None]  # [texts, tokens, 1]
        means: Tensor = (self.embeddings(self.ids) * weight).sum(dim=1) / weight.sum(dim=1)  # [texts, hidden]
        return means

    def token_ids(self) -> Int64[Tensor, " ids"]:
        """Return the different token ids of the texts in ascending order, with the ids at padding."""
        ids: Tensor = self.ids.unique()
        return ids

    def padded(self, width: int) -> Texts:
        """Return a copy whose texts have more padding at their right end, up to a width."""
        more = (0, width - self.ids.shape[1])
        return Texts(F.pad(self.ids, more), F.pad(self.mask, more), self.embed)


@dataclass(frozen=True)
class EncodedPrompt:
    """Output of a prompt encoder for the texts of one run in a batch, in the numbers that the backbone reads.

    Attributes:
        prompt: One prompt for all texts, or one prompt for each text.
        token_ids: Ascending token ids that `token_updates` belongs to; None without token updates.
        token_updates: Vector that is added to the embedding of each token id; None without token updates.
        position_updates: Vector that is added at each of the first positions of a text; None without such updates.
    """

    prompt: Float[Tensor, "length hidden"] | Float[Tensor, "texts length hidden"]
    token_ids: Int64[Tensor, " ids"] | None = None
    token_updates: Float[Tensor, "ids hidden"] | None = None
    position_updates: Float[Tensor, "positions hidden"] | None = None

    @property
    def length(self) -> int:
        """Number of virtual tokens of a prompt."""
        return self.prompt.shape[-2]

    @property
    def has_updates(self) -> bool:
        """Whether the encoder changes the embeddings of the text."""
        return self.token_updates is not None or self.position_updates is not None

    def tensors(self) -> list[Tensor]:
        """List the parts that a gradient passes through: prompt and updates."""
        return [part for part in (self.prompt, self.token_updates, self.position_updates) if part is not None]

    def detached(self) -> EncodedPrompt:
        """Return a copy that is detached from the encoder's graph, and in which gradients can add up."""

        def cut(part: Tensor | None) -> Tensor | None:
            return None if part is None else part.detach().requires_grad_(part.requires_grad)

        prompt = cut(self.prompt)
        assert prompt is not None
        return EncodedPrompt(prompt, self.token_ids, cut(self.token_updates), cut(self.position_updates))

    def backward(self, detached: EncodedPrompt) -> None:
        """Continue the backward pass through the encoder with the gradients that have added up in a detached copy."""
        pairs = zip(self.tensors(), detached.tensors(), strict=True)
        graded = [(part, copy.grad) for part, copy in pairs if copy.grad is not None]
        if graded:
            torch.autograd.backward([part for part, _ in graded], [grad for _, grad in graded])


def in_blocks(
    function: Callable[[Float[Tensor, "block hidden"]], Tensor], rows: Float[Tensor, "rows hidden"], size: int
) -> Tensor:
    """Apply a function of rows to blocks of a fixed number of rows. Copies of the last row fill the last block.

    Args:
        function: Function that maps rows to as many rows of any shape.
        rows: Rows, at least one.
        size: Number of rows of a block.

    Examples:
        >>> import torch
        >>> in_blocks(lambda block: block + len(block), torch.zeros(3, 1), 2).tolist()
        [[2.0], [2.0], [2.0]]
    """
    filling = rows[-1:].expand(-len(rows) % size, -1)
    blocks = torch.cat([rows, filling]).split(size)
    return torch.cat([function(block) for block in blocks])[: len(rows)]


class TextPrompt:
    """A trained prompt that depends on the text: a frozen copy of table and encoder, without dropout.

    A run with such an encoder keeps this object after training. Other runs keep a matrix [length, hidden].

    Args:
        encode: Function that encodes the prompt for the texts of a batch.
        state: Tensors from which the soft prompt can be restored, by name.
    """

    def __init__(self, encode: Callable[[Texts], EncodedPrompt], state: dict[str, Tensor]) -> None:
        self._encode = encode
        self.state = state

    @torch.no_grad()
    def encode(self, texts: Texts) -> EncodedPrompt:
        """Encode the prompt for texts, without gradients."""
        return self._encode(texts)


Folded: TypeAlias = Tensor | TextPrompt
"""Content of a soft prompt that is kept after training: a matrix [length, hidden], or a frozen copy of the encoder."""
