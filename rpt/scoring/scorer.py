"""Interface of all scorers: a training loss and a reported answer for each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from rpt.data.rows import Rows
from rpt.prompt.insert import Inserted


@dataclass(frozen=True)
class Scored:
    """Losses and answers of the rows of one forward pass.

    Attributes:
        losses: Loss of each row, in nats. Their mean breaks ties between checkpoints of equal score.
        scores: Score of each choice, padded on the right with minus infinity. Without columns for generated text.
        texts: Generated text of each row; None for scorers that rank choices.
    """

    losses: Float[Tensor, batch]
    scores: Float[Tensor, "batch choices"]
    texts: list[str] | None = None


@runtime_checkable  # the tests check every call's types
class Scorer(Protocol):
    """Interface of scorers, which compute losses and answers from rows with inserted prompts."""

    @property
    def with_choices(self) -> bool:
        """Whether `score` needs the token ids of all choices (`Rows.written`) instead of the right text alone."""

    def new_head(self) -> nn.Module | None:
        """Create the module that a run trains in addition to its prompt; None if it trains the prompt alone."""

    def losses(
        self, backbone: Any, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Float[Tensor, batch]:
        """Compute the training loss of each row, in nats.

        The loss of a language model is a sum over the output tokens of the row. `rpt.data.encode.Encoded.terms` counts
        the terms of this sum.
        """

    def score(self, backbone: Any, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]) -> Scored:
        """Compute the losses and answers of rows, for an evaluation."""


def by_row(
    values: Float[Tensor, " values"], row_of: Int64[Tensor, " values"], num_rows: int
) -> Float[Tensor, "rows _"]:
    """Turn a flat tensor of scores, grouped by row, into a matrix with a line for each row.

    Args:
        values: Score of each choice of all rows.
        row_of: Index of the row of each score, ascending.
        num_rows: Number of rows.

    Returns:
        Scores of shape [rows, largest number of choices], padded on the right with minus infinity.
    """
    counts = torch.bincount(row_of, minlength=num_rows)
    place = torch.arange(len(values), device=values.device) - (counts.cumsum(0) - counts)[row_of]
    table = values.new_full((num_rows, int(counts.max())), -torch.inf)
    return table.index_put((row_of, place), values)
