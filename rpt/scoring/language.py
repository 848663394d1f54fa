"""Scorers for language models: `RankScorer` ranks the choices by likelihood, `GenerateScorer` generates text."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from rpt.backbones.language import LanguageModel
from rpt.backbones.lines import Written
from rpt.data.rows import Rows
from rpt.prompt.insert import Inserted
from rpt.scoring.scorer import Scored, by_row


class LanguageScorer:
    """Base class of the scorers for language models. The training loss is the right text's negative log-likelihood."""

    with_choices = False

    def new_head(self) -> None:
        """Return None, because a language model has an output layer and needs no classification head."""

    def losses(
        self, backbone: LanguageModel, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Float[Tensor, batch]:
        """Compute each row's negative log-likelihood of the right text, summed over tokens and end marker, in nats."""
        return -_log_likelihoods(backbone, inserted, rows).sum(dim=1)


class RankScorer(LanguageScorer):
    """Scorer that answers with the most likely choice.

    The model reads a row's source once, with all choices behind it.

    Args:
        length_normalised: Whether a choice's score is the mean of its tokens' log-likelihoods instead of the sum.
    """

    with_choices = True

    def __init__(self, *, length_normalised: bool) -> None:
        self.length_normalised = length_normalised

    def score(
        self, backbone: LanguageModel, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Scored:
        """Compute the log-likelihood of each choice, in nats. The loss is the cross-entropy among a row's choices."""
        likelihoods = _log_likelihoods(backbone, inserted, rows).sum(dim=1)  # [choices]
        if self.length_normalised:
            likelihoods = likelihoods / rows.written_mask.sum(dim=1)
        scores = by_row(likelihoods, rows.row_of_written, len(rows.row))
        return Scored(nn.functional.cross_entropy(scores, rows.target, reduction="none"), scores)


class GenerateScorer(LanguageScorer):
    """Scorer that answers with the text that the model generates by greedy decoding.

    Args:
        max_new_tokens: Largest number of tokens to generate for a row.
    """

    def __init__(self, *, max_new_tokens: int) -> None:
        self.max_new_tokens = max_new_tokens

    def score(
        self, backbone: LanguageModel, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Scored:
        """Generate a text for each row, and compute the loss of the right text as in training."""
        losses = self.losses(backbone, inserted, rows, heads)
        assert not isinstance(inserted.context, Written)  # `rpt.build` refuses this scorer with such a context
        texts = backbone.generate(inserted.embeds, inserted.mask, self.max_new_tokens, inserted.context)
        return Scored(losses, losses.new_zeros(len(losses), 0), texts)


def _log_likelihoods(backbone: LanguageModel, inserted: Inserted, rows: Rows) -> Float[Tensor, "choices written"]:
    return backbone.log_likelihoods(
        inserted.embeds, inserted.mask, rows.written, rows.written_mask, rows.row_of_written, inserted.context
    )
