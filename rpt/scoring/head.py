"""Classification by a small trained head over the pooled hidden states of an encoder backbone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from rpt.backbones.frozen import FrozenBackbone
from rpt.prompt.insert import Inserted


class ClassHead(nn.Module):
    """One linear layer from the pooled text to a logit per choice; belongs to one run. Float32.

    Starts at zero, so that every run begins at the uniform distribution, whatever its seed.
    Source: Residual Prompt Tuning, section 3 (BERT: linear layer and softmax on h_[CLS]).
    """

    def __init__(self, *, hidden: int, num_choices: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden, num_choices)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, pooled: Float[Tensor, "batch hidden"]) -> Float[Tensor, "batch choices"]:
        """Logits in label order, natural units."""
        logits = self.linear(pooled)
        assert isinstance(logits, Tensor)
        return logits


def pool(
    hidden: Float[Tensor, "batch tokens hidden"],
    text: Bool[Tensor, "batch tokens"],
    pooling: str,
) -> Float[Tensor, "batch hidden"]:
    """Pool hidden states over the text, float32.

    Args:
        hidden: The last layer's states, any float dtype.
        text: True at text tokens; prompt and padding are false. Every row has at least `[CLS]`.
        pooling: `mean` of the text tokens, or `cls`, the first of them.
    """
    states = hidden if hidden.dtype == torch.float64 else hidden.float()
    if pooling == "cls":
        first = text.int().argmax(dim=1)  # [batch]
        return states[torch.arange(len(states), device=states.device), first]
    weight = text.to(states.dtype).unsqueeze(-1)  # [batch, tokens, 1]
    return (states * weight).sum(dim=1) / weight.sum(dim=1)


class HeadScorer:
    """Scores the choices of a row by the head of the run that the row belongs to.

    Args:
        pooling: `mean` of the text tokens, or `cls`.
    """

    def __init__(self, *, pooling: str) -> None:
        self.pooling = pooling

    def new_head(self, *, hidden: int, num_choices: int) -> nn.Module:
        """A fresh head for one run."""
        return ClassHead(hidden=hidden, num_choices=num_choices)

    def scores(
        self,
        backbone: FrozenBackbone,
        inserted: Inserted,
        run: Int64[Tensor, batch],
        heads: Sequence[nn.Module],
    ) -> Float[Tensor, "batch choices"]:
        """Logits of each row's choices, in label order.

        Args:
            backbone: Run once over all rows.
            inserted: The rows with their prompts in place.
            run: For each row the index of its run.
            heads: The heads of all runs.
        """
        hidden = backbone(inserted.embeds, inserted.mask)
        pooled = pool(hidden, inserted.text, self.pooling)  # [batch, hidden]
        used = torch.unique(run).tolist()
        if len(used) == 1:
            logits = heads[used[0]](pooled)
        else:
            parts = [(run == index).nonzero().squeeze(1) for index in used]  # rows of each run
            order = torch.cat(parts).argsort()
            scored = [heads[i](pooled[part]) for i, part in zip(used, parts, strict=True)]
            logits = torch.cat(scored)[order]
        assert isinstance(logits, Tensor)
        return logits

    def losses(self, scores: Float[Tensor, "batch choices"], target: Int64[Tensor, batch]) -> Float[Tensor, batch]:
        """Cross-entropy of each row, in nats."""
        return nn.functional.cross_entropy(scores, target, reduction="none")
