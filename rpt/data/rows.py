"""The rows of a forward pass as tensors, the only form in which scorers and the Lightning module see data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """The rows of a forward pass, each with its run.

    Attributes:
        run: Index of each row's run in the pack.
        row: Number of each row in its split.
        target: Index of each row's right choice; -1 for a row without a right choice.
        terms_of_run: Number of terms of the training loss of each row's run, over all forward passes of the step.
        ids: Token ids of the texts that the backbone reads, padded on the right.
        mask: 1 at text, 0 at padding.
        segments: Segment id of each token: 1 in the second text of a pair, else 0.
        row_of_text: Position in this batch of each text's row.
        written: Token ids of the answers that may be written behind the texts, end marker included; empty for a head.
        written_mask: 1 at tokens of `written`, 0 at padding.
        row_of_written: Position in this batch of the row of each answer in `written`.
    """

    run: Int64[Tensor, batch]
    row: Int64[Tensor, batch]
    target: Int64[Tensor, batch]
    terms_of_run: Float[Tensor, batch]
    ids: Int64[Tensor, "texts tokens"]
    mask: Int64[Tensor, "texts tokens"]
    segments: Int64[Tensor, "texts tokens"]
    row_of_text: Int64[Tensor, texts]
    written: Int64[Tensor, "choices written"]
    written_mask: Int64[Tensor, "choices written"]
    row_of_written: Int64[Tensor, choices]

    @property
    def run_of_text(self) -> Int64[Tensor, texts]:
        """Index of each text's run in the pack."""
        return self.run[self.row_of_text]

    def to(self, device: torch.device) -> Rows:
        """Copy the rows to a device."""
        moved = {name: value.to(device, non_blocking=True) for name, value in vars(self).items()}
        return Rows(**moved)

    def of_run(self, index: int) -> Rows:
        """Return a copy of the rows that belongs to the run of the given index."""
        return replace(self, run=torch.full_like(self.run, index))

    def halves(self) -> tuple[Rows, Rows]:
        """Split the rows into a first and a second half, with unchanged padding."""
        middle = len(self.row) // 2
        return self._between(0, middle), self._between(middle, len(self.row))

    def _between(self, start: int, stop: int) -> Rows:
        is_text = (self.row_of_text >= start) & (self.row_of_text < stop)
        is_written = (self.row_of_written >= start) & (self.row_of_written < stop)
        return Rows(
            run=self.run[start:stop],
            row=self.row[start:stop],
            target=self.target[start:stop],
            terms_of_run=self.terms_of_run[start:stop],
            ids=self.ids[is_text],
            mask=self.mask[is_text],
            segments=self.segments[is_text],
            row_of_text=self.row_of_text[is_text] - start,
            written=self.written[is_written],
            written_mask=self.written_mask[is_written],
            row_of_written=self.row_of_written[is_written] - start,
        )
