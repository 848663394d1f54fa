"""What a run answers for the rows of one split, and how good that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.metrics import evaluate
from rpt.scoring.scorer import Scored
from rpt.tasks.example import Answer, Example
from rpt.tasks.task import Task


@dataclass(frozen=True)
class Predictions:
    """A run's answers, in the split's order.

    Attributes:
        examples: The rows.
        answers: One for each.
        scores: Of each row's choices, natural units; empty lists where text was generated.
        losses: Of each row, in nats, on the CPU.
    """

    examples: Sequence[Example]
    answers: Sequence[Answer]
    scores: Sequence[Sequence[float]]
    losses: Float[Tensor, " rows"]

    @property
    def loss(self) -> float:
        """Mean loss of a row."""
        return float(self.losses.double().mean())

    def metrics(self, names: Sequence[str]) -> dict[str, float]:
        """The task's metrics, their mean as `score`, and the `loss`."""
        return {**evaluate(names, self.examples, self.answers), "loss": self.loss}

    @property
    def off_label_share(self) -> float | None:
        """Share of answers that are none of the row's choices; None where no row has choices."""
        chosen = [answer.choice for example, answer in zip(self.examples, self.answers, strict=True) if example.choices]
        return sum(choice is None for choice in chosen) / len(chosen) if chosen else None


def gather(task: Task, examples: Sequence[Example], parts: Sequence[tuple[Int64[Tensor, _], Scored]]) -> Predictions:
    """Bring what the forwards of a split said into the split's order.

    Args:
        task: Reads what was generated.
        examples: The split.
        parts: For each forward its row numbers and what it said of them, on the CPU.
    """
    order = torch.cat([rows for rows, _ in parts]).argsort().tolist()
    losses = torch.cat([scored.losses for _, scored in parts])[order]
    scores = [line for _, scored in parts for line in scored.scores.tolist()]
    texts: list[str | None] = []
    for _, scored in parts:
        texts += [None] * len(scored.losses) if scored.texts is None else scored.texts
    kept = [scores[at][: len(example.choices)] for at, example in zip(order, examples, strict=True)]
    answers = [
        _answer(task, example, scores, texts[at]) for at, example, scores in zip(order, examples, kept, strict=True)
    ]
    return Predictions(examples, answers, kept, losses)


def _answer(task: Task, example: Example, scores: Sequence[float], text: str | None) -> Answer:
    if text is not None:
        return task.read(example, text)
    best = max(range(len(scores)), key=scores.__getitem__)
    return Answer(best, example.choices[best])
