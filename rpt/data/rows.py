"""Rows as tensors. Scorers and the Lightning module receive data in this form only."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.tasks.example import Example


@dataclass(frozen=True)
class Rows:
    """Batch of tensors: the rows of a training step or of a forward pass. Each row belongs to one run of a pack.

    Attributes:
        examples: Example of each row.
        run: Index of each row's run in the pack.
        row: Number of each row in its split.
        target: Index of each row's right choice; -1 for a row without a right choice.
        terms_of_run: Number of loss terms of each row's run in the whole training step, by which the run's loss is
            divided. A row has a term for each output token of a language model, or a single term for a head.
        ids: Token ids of the texts that the backbone reads, padded on the right.
        mask: 1 at text, 0 at padding.
        segments: Segment id of each token: 1 in the second text of a pair, else 0.
        row_of_text: Position in this batch of each text's row.
        written: Token ids of the answers that a language model trains on or scores, end marker included; empty for a
            head.
        written_mask: 1 at tokens of `written`, 0 at padding.
        row_of_written: Position in this batch of the row of each answer in `written`.
        width: Number of tokens to which texts are padded, with their prompts inserted; None pads to the longest text.
        index_in_run: Number of each text among the texts of its run; None before `numbered`.
    """

    examples: Sequence[Example]
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
    width: int | None = None
    index_in_run: Int64[Tensor, texts] | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.examples)

    @property
    def run_of_text(self) -> Int64[Tensor, texts]:
        """Index of each text's run in the pack."""
        return self.run[self.row_of_text]

    def to(self, device: torch.device) -> Rows:
        """Copy the rows to a device."""
        moved: dict[str, Any] = {
            name: value.to(device, non_blocking=True) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **moved)

    def numbered(self) -> Rows:
        """Return a copy in which the texts of each run are numbered from 0. Parts of the copy keep the numbers."""
        run = self.run_of_text
        order, counts = run.argsort(stable=True), torch.bincount(run)
        index = torch.empty_like(run)
        index[order] = torch.arange(len(run), device=run.device) - (counts.cumsum(0) - counts)[run[order]]
        return replace(self, index_in_run=index)

    def of_run(self, index: int) -> Rows:
        """Return a copy of the rows in which every row belongs to the run with the given index."""
        return replace(self, run=torch.full_like(self.run, index))

    def without(self, runs: Container[int]) -> Rows:
        """Return the rows whose run is not among the given runs."""
        return self.pick([position for position, run in enumerate(self.run.tolist()) if run not in runs])

    def halves(self) -> tuple[Rows, Rows]:
        """Split the rows into a first and a second half."""
        middle = len(self) // 2
        return self.pick(range(middle)), self.pick(range(middle, len(self)))

    def pick(self, positions: Sequence[int]) -> Rows:
        """Return the rows at the given positions, in the given order, padded to the longest of their own texts."""
        chosen = torch.tensor(positions, dtype=torch.long, device=self.row.device)
        row_of_text, texts = _members(self.row_of_text, chosen)
        row_of_written, written = _members(self.row_of_written, chosen)
        width, written_width = _width(self.mask[texts]), _width(self.written_mask[written])
        return Rows(
            examples=[self.examples[position] for position in positions],
            run=self.run[chosen],
            row=self.row[chosen],
            target=self.target[chosen],
            terms_of_run=self.terms_of_run[chosen],
            ids=self.ids[texts, :width],
            mask=self.mask[texts, :width],
            segments=self.segments[texts, :width],
            row_of_text=row_of_text,
            written=self.written[written, :written_width],
            written_mask=self.written_mask[written, :written_width],
            row_of_written=row_of_written,
            index_in_run=None if self.index_in_run is None else self.index_in_run[texts],
        )

    def num_tokens(self, run: int, prompt_length: int) -> int:
        """Count the tokens of prompts, texts and outputs of a run, without padding."""
        texts, written = self.run_of_text == run, self.run[self.row_of_written] == run
        return prompt_length * int(texts.sum()) + int(self.mask[texts].sum()) + int(self.written_mask[written].sum())


def _members(
    row_of: Int64[Tensor, " members"], chosen: Int64[Tensor, " chosen"]
) -> tuple[Int64[Tensor, " kept"], Int64[Tensor, " kept"]]:
    """Find the texts that belong to chosen rows.

    Returns:
        For each text: the position of its row among the chosen rows, and the index of the text.
    """
    position, index = (chosen[:, None] == row_of[None, :]).nonzero(as_tuple=True)
    return position, index


def _width(mask: Int64[Tensor, "texts tokens"]) -> int:
    """Return the number of tokens of the longest text."""
    return int(mask.sum(dim=1).max()) if len(mask) else 0
