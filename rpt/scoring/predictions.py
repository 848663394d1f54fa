"""Answers of a run to the rows of a split, and their metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.scoring.scorer import Scored
from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import evaluate
from rpt.tasks.task import Task


@dataclass(frozen=True)
class Predictions:
    """Answers of a run to the rows of a split, in the split's order.

    Attributes:
        examples: Rows of the split.
        answers: Answer to each row.
        scores: Scores of each row's choices (logits or log-likelihoods); an empty list for generated text.
        losses: Loss of each row, in nats, on the CPU.
    """

    examples: Sequence[Example]
    answers: Sequence[Answer]
    scores: Sequence[Sequence[float]]
    losses: Float[Tensor, " rows"]

    @property
    def loss(self) -> float:
        """Mean loss over all rows, in nats."""
        return float(self.losses.double().mean())

    def metrics(self, names: Sequence[str]) -> dict[str, float]:
        """Compute the task's metrics by name, their mean as `score`, and the mean loss as `loss`."""
        return {**evaluate(names, self.examples, self.answers), "loss": self.loss}

    @property
    def off_label_share(self) -> float | None:
        """Share of answers that are none of the row's choices; None if no row has choices."""
        chosen = [answer.choice for example, answer in zip(self.examples, self.answers, strict=True) if example.choices]
        return sum(choice is None for choice in chosen) / len(chosen) if chosen else None


def gather(task: Task, examples: Sequence[Example], parts: Sequence[tuple[Int64[Tensor, _], Scored]]) -> Predictions:
    """Combine the results of a split's forward passes in the split's order.

    Args:
        task: Task that reads answers from generated text.
        examples: Rows of the split.
        parts: Row numbers and scored answers of each forward pass, on the CPU.
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
