"""Classification by a small trained head over the pooled hidden states of an encoder backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from rpt.backbones.encoder import EncoderBackbone
from rpt.data.rows import Rows
from rpt.prompt.insert import Inserted
from rpt.scoring.scorer import Scored, by_row


class ClassHead(nn.Module):
    """Linear layer from the pooled text to logits, in float32. Each run trains its own head.

    Weights start at zero, so that every run begins with equal probabilities for all labels, whatever its seed. A head
    with a single logit has no bias, because a bias would not change which of several texts has the highest logit.
    Source: Residual Prompt Tuning, section 3 (BERT: linear layer and softmax on h_[CLS]).
    """

    def __init__(self, *, hidden: int, num_logits: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, num_logits, bias=num_logits > 1)
        for parameter in self.linear.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pooled: Float[Tensor, "texts hidden"]) -> Float[Tensor, "texts logits"]:
        """Compute unnormalised logits, in label order."""
        logits = self.linear(pooled)
        assert isinstance(logits, Tensor)
        return logits


def pool(
    hidden: Float[Tensor, "texts tokens hidden"],
    text: Bool[Tensor, "texts tokens"],
    pooling: str,
) -> Float[Tensor, "texts hidden"]:
    """Pool hidden states over the text, in float32 (in float64 if the states are float64).

    Args:
        hidden: States of the last layer, in any float dtype.
        text: True at text tokens, False at prompt and padding. Every text has at least `[CLS]`.
        pooling: `mean` averages the text tokens; `cls` takes the first text token.
    """
    states = hidden if hidden.dtype == torch.float64 else hidden.float()
    if pooling == "cls":
        first = text.int().argmax(dim=1)  # [texts]
        return states[torch.arange(len(states), device=states.device), first]
    weight = text.to(states.dtype).unsqueeze(-1)  # [texts, tokens, 1]
    return (states * weight).sum(dim=1) / weight.sum(dim=1)


class HeadScorer:
    """Scorer that computes a logit for each choice of a row with the classification head of the row's run.

    For a task with labels, the backbone reads one text for each row, and the head computes a logit for each label. For
    a task whose rows have choices of their own, the backbone reads a text for each choice, and the head computes a
    single logit for each text.

    Args:
        hidden: Width of the backbone's states.
        num_labels: Number of logits for each text. None means a single logit, for the choice that the text holds.
        pooling: `mean` averages the text tokens; `cls` takes the first text token.
    """

    with_choices = False

    def __init__(self, *, hidden: int, num_labels: int | None, pooling: str) -> None:
        self.hidden = hidden
        self.num_labels = num_labels
        self.pooling = pooling

    def new_head(self) -> nn.Module:
        """Create an untrained head for one run."""
        return ClassHead(hidden=self.hidden, num_logits=self.num_labels or 1)

    def losses(
        self, backbone: EncoderBackbone, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Float[Tensor, batch]:
        """Compute the cross-entropy of each row among its choices, in nats."""
        return self.score(backbone, inserted, rows, heads).losses

    def score(
        self, backbone: EncoderBackbone, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Scored:
        """Compute the logits of each row's choices and the losses, in one forward pass over all texts.

        Args:
            backbone: Frozen encoder.
            inserted: Embeddings of the texts with their prompts inserted.
            rows: Rows that the texts belong to.
            heads: Head of each run, by the run's index in the pack.
        """
        hidden = backbone(inserted.embeds, inserted.mask, inserted.segments, inserted.context)
        logits = _by_head(pool(hidden, inserted.text, self.pooling), rows.run_of_text, heads)
        scores = logits if self.num_labels else by_row(logits.squeeze(1), rows.row_of_text, len(rows.row))
        return Scored(nn.functional.cross_entropy(scores, rows.target, reduction="none"), scores)


def _by_head(
    pooled: Float[Tensor, "texts hidden"], run: Int64[Tensor, texts], heads: Sequence[nn.Module | None]
) -> Float[Tensor, "texts logits"]:
    """Apply to each text the head of its own run."""
    counts = torch.bincount(run, minlength=len(heads)).tolist()
    order = run.argsort(stable=True)  # the texts grouped by run
    groups = pooled.index_select(0, order).split(counts)
    scored: list[Tensor] = []
    for head, group in zip(heads, groups, strict=True):
        if len(group):
            assert head is not None
            scored.append(head(group))
    return torch.cat(scored).index_select(0, order.argsort())
