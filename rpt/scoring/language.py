"""Answers of a language model: the likeliest of the choices, or what it writes by itself."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from rpt.backbones.language import LanguageModel
from rpt.data.rows import Rows
from rpt.prompt.insert import Inserted
from rpt.scoring.scorer import Scored, by_row


class LanguageScorer:
    """What both share: nothing is trained besides the prompt, and the loss is that of the right text."""

    with_choices = False

    def new_head(self) -> None:
        """A language model brings its own output layer."""

    def losses(
        self, backbone: LanguageModel, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Float[Tensor, batch]:
        """Negative log-likelihood of each row's right text, end marker included, summed over its tokens, in nats."""
        return -_log_likelihoods(backbone, inserted, rows).sum(dim=1)


class RankScorer(LanguageScorer):
    """The choice that the model finds likeliest; the source is read once, the choices behind it.

    Args:
        length_normalised: Whether likelihoods are means over a choice's tokens instead of sums.
    """

    with_choices = True

    def __init__(self, *, length_normalised: bool) -> None:
        self.length_normalised = length_normalised

    def score(
        self, backbone: LanguageModel, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Scored:
        """Log-likelihoods of each row's choices, in nats; the loss is the right one's among them."""
        likelihoods = _log_likelihoods(backbone, inserted, rows).sum(dim=1)  # [choices]
        if self.length_normalised:
            likelihoods = likelihoods / rows.written_mask.sum(dim=1)
        scores = by_row(likelihoods, rows.row_of_written, len(rows.row))
        return Scored(nn.functional.cross_entropy(scores, rows.target, reduction="none"), scores)


class GenerateScorer(LanguageScorer):
    """What the model writes, greedily.

    Args:
        max_new_tokens: Where writing ends at the latest.
    """

    def __init__(self, *, max_new_tokens: int) -> None:
        self.max_new_tokens = max_new_tokens

    def score(
        self, backbone: LanguageModel, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Scored:
        """The texts; the loss is that of the right text, as in training."""
        losses = self.losses(backbone, inserted, rows, heads)
        texts = backbone.generate(inserted.embeds, inserted.mask, self.max_new_tokens)
        return Scored(losses, losses.new_zeros(len(losses), 0), texts)


def _log_likelihoods(backbone: LanguageModel, inserted: Inserted, rows: Rows) -> Float[Tensor, "choices written"]:
    return backbone.log_likelihoods(
        inserted.embeds, inserted.mask, rows.written, rows.written_mask, rows.row_of_written
    )
