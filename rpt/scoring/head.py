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
    """One linear layer from the pooled text to logits; belongs to one run. Float32.

    Starts at zero, so that every run begins at the uniform distribution, whatever its seed. A single logit has no
    bias, which would not change a choice among several texts.
    Source: Residual Prompt Tuning, section 3 (BERT: linear layer and softmax on h_[CLS]).
    """

    def __init__(self, *, hidden: int, num_logits: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, num_logits, bias=num_logits > 1)
        for parameter in self.linear.parameters():
            nn.init.zeros_(parameter)

    def forward(self, pooled: Float[Tensor, "texts hidden"]) -> Float[Tensor, "texts logits"]:
        """Logits in label order, natural units."""
        logits = self.linear(pooled)
        assert isinstance(logits, Tensor)
        return logits


def pool(
    hidden: Float[Tensor, "texts tokens hidden"],
    text: Bool[Tensor, "texts tokens"],
    pooling: str,
) -> Float[Tensor, "texts hidden"]:
    """Pool hidden states over the text, float32.

    Args:
        hidden: The last layer's states, any float dtype.
        text: True at text tokens; prompt and padding are false. Every row has at least `[CLS]`.
        pooling: `mean` of the text tokens, or `cls`, the first of them.
    """
    states = hidden if hidden.dtype == torch.float64 else hidden.float()
    if pooling == "cls":
        first = text.int().argmax(dim=1)  # [texts]
        return states[torch.arange(len(states), device=states.device), first]
    weight = text.to(states.dtype).unsqueeze(-1)  # [texts, tokens, 1]
    return (states * weight).sum(dim=1) / weight.sum(dim=1)


class HeadScorer:
    """Scores the choices of a row by the head of the run that the row belongs to.

    A row is read once and gets a logit for each label; where each row brings its own choices, it is read once with
    each of them, and each reading gets one logit.

    Args:
        hidden: Width of the backbone's states.
        num_labels: Logits of a reading; None: one, for the choice that it was read with.
        pooling: `mean` of the text tokens, or `cls`.
    """

    with_choices = False

    def __init__(self, *, hidden: int, num_labels: int | None, pooling: str) -> None:
        self.hidden = hidden
        self.num_labels = num_labels
        self.pooling = pooling

    def new_head(self) -> nn.Module:
        """A fresh head for one run."""
        return ClassHead(hidden=self.hidden, num_logits=self.num_labels or 1)

    def losses(
        self, backbone: EncoderBackbone, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Float[Tensor, batch]:
        """Cross-entropy of each row among its choices, in nats."""
        return self.score(backbone, inserted, rows, heads).losses

    def score(
        self, backbone: EncoderBackbone, inserted: Inserted, rows: Rows, heads: Sequence[nn.Module | None]
    ) -> Scored:
        """Logits of each row's choices.

        Args:
            backbone: Run once over all texts.
            inserted: The texts with their prompts in place.
            rows: Whose they are.
            heads: The heads of all runs.
        """
        hidden = backbone(inserted.embeds, inserted.mask, inserted.segments)
        logits = _by_head(pool(hidden, inserted.text, self.pooling), rows.run_of_text, heads)
        scores = logits if self.num_labels else by_row(logits.squeeze(1), rows.row_of_text, len(rows.row))
        return Scored(nn.functional.cross_entropy(scores, rows.target, reduction="none"), scores)


def _by_head(
    pooled: Float[Tensor, "texts hidden"], run: Int64[Tensor, texts], heads: Sequence[nn.Module | None]
) -> Float[Tensor, "texts logits"]:
    """Each text through the head of its own run."""
    counts = torch.bincount(run, minlength=len(heads)).tolist()
    order = run.argsort(stable=True)  # the texts grouped by run
    groups = pooled.index_select(0, order).split(counts)
    scored: list[Tensor] = []
    for head, group in zip(heads, groups, strict=True):
        if len(group):
            assert head is not None
            scored.append(head(group))
    return torch.cat(scored).index_select(0, order.argsort())
