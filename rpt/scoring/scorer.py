"""What every way of scoring has in common: a loss to train by, and an answer to report."""

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
    """What one forward says of its rows.

    Attributes:
        losses: Of each row, in nats; what breaks ties between evaluations.
        scores: Of each row's choices, minus infinity behind a row that has fewer; no columns where text is generated.
        texts: What was generated, or None.
    """

    losses: Float[Tensor, batch]
    scores: Float[Tensor, "batch choices"]
    texts: list[str] | None = None


@runtime_checkable  # the tests check every call's types
class Scorer(Protocol):
    """Turns rows with their prompts in place into losses and answers."""

    @property
    def with_choices(self) -> bool:
        """Whether an answer needs all that may be written, or only what is right."""

    def new_head(self) -> nn.Module | None:
        """What a run trains besides its prompt; None: nothing."""

    def losses(
        self, backbone: Any, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Float[Tensor, batch]:
        """The training loss of each row, summed over its terms (`Encoded.terms`), in nats."""

    def score(self, backbone: Any, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]) -> Scored:
        """Answer rows."""


def by_row(
    values: Float[Tensor, " values"], row_of: Int64[Tensor, " values"], num_rows: int
) -> Float[Tensor, "rows _"]:
    """Put values that lie one behind the other, grouped by row, into a table of one line a row.

    Args:
        values: A score of each choice.
        row_of: The row of each, ascending.
        num_rows: Lines of the table.

    Returns:
        [rows, most choices of a row]; minus infinity behind a row that has fewer.
    """
    counts = torch.bincount(row_of, minlength=num_rows)
    place = torch.arange(len(values), device=values.device) - (counts.cumsum(0) - counts)[row_of]
    table = values.new_full((num_rows, int(counts.max())), -torch.inf)
    return table.index_put((row_of, place), values)
