"""The rows of one forward as tensors: all that scoring and the module know of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Rows for one forward, each with the run that it belongs to.

    Attributes:
        run: Index of the run in the pack.
        row: Number of the row in its split.
        target: The right choice; -1 where none of the choices is.
        terms_of_run: How many terms the loss of the row's run has in the whole step, of which this may be a cut.
        ids: Token ids of the texts that the backbone reads, padded on the right.
        mask: 1 at text, 0 at padding.
        segments: Segment of each token: 1 in the second text of a pair, else 0.
        row_of_text: For each text its row, by position in this batch.
        written: Token ids of what may be written behind the texts, end marker included; none for a head.
        written_mask: 1 at tokens, 0 at padding.
        row_of_written: For each of these its row, by position in this batch.
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
        """For each text the index of its run."""
        return self.run[self.row_of_text]

    def to(self, device: torch.device) -> Rows:
        """The same rows on a device."""
        moved = {name: value.to(device, non_blocking=True) for name, value in vars(self).items()}
        return Rows(**moved)

    def of_run(self, index: int) -> Rows:
        """The same rows as another run sees them."""
        return replace(self, run=torch.full_like(self.run, index))

    def halves(self) -> tuple[Rows, Rows]:
        """The first and the second half of the rows; padding stays as it is."""
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
