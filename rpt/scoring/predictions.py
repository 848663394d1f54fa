"""Answers of a run to the rows of a split, and their metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.data.rows import Rows
from rpt.scoring.scorer import Scored
from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import evaluate, is_right
from rpt.tasks.task import Task


@dataclass(frozen=True)
class Predictions:
    """Answers of a run to the examples of a split, in the split's order. An example is also called a row.

    Attributes:
        examples: Examples of the split.
        answers: Answer to each example.
        scores: Scores of each example's choices (logits or log-likelihoods); an empty list for generated text.
        losses: Loss of each example, in nats, on the CPU.
    """

    examples: Sequence[Example]
    answers: Sequence[Answer]
    scores: Sequence[Sequence[float]]
    losses: Float[Tensor, " rows"]

    def at(self, positions: Sequence[int]) -> Predictions:
        """Return the answers at some positions, in the order of the positions."""
        examples = [self.examples[position] for position in positions]
        answers = [self.answers[position] for position in positions]
        return Predictions(examples, answers, [self.scores[position] for position in positions], self.losses[positions])

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


class Part(NamedTuple):
    """Answers to the rows of one forward pass, on the CPU.

    Attributes:
        row: Number of each row in its split.
        examples: Example of each row.
        scored: Losses and answers of the rows.
    """

    row: Int64[Tensor, batch]
    examples: Sequence[Example]
    scored: Scored

    @classmethod
    def on_cpu(cls, rows: Rows, scored: Scored) -> Part:
        """Copy the answers to rows from the device to the CPU."""
        copied = replace(scored, losses=scored.losses.cpu(), scores=scored.scores.cpu())
        return cls(rows.row.cpu(), rows.examples, copied)


def gather(task: Task, parts: Sequence[Part]) -> Predictions:
    """Combine the results of the forward passes of an evaluation in the split's order.

    Args:
        task: Task that reads answers from generated text.
        parts: Answers of each forward pass. They need not cover the whole split. A row that was repeated to fill a
            forward pass of a fixed shape has several equal answers, and the first of them is used.
    """
    numbers = torch.cat([part.row for part in parts]).tolist()
    first = {number: position for position, number in reversed(list(enumerate(numbers)))}
    order = [first[number] for number in sorted(first)]
    losses = torch.cat([part.scored.losses for part in parts])[order]
    scores = [line for part in parts for line in part.scored.scores.tolist()]
    texts: list[str | None] = []
    for part in parts:
        texts += [None] * len(part.row) if part.scored.texts is None else part.scored.texts
    unsorted = [example for part in parts for example in part.examples]
    examples = [unsorted[position] for position in order]
    kept = [scores[position][: len(example.choices)] for position, example in zip(order, examples, strict=True)]
    answers = [
        _answer(task, example, scores, texts[position])
        for position, example, scores in zip(order, examples, kept, strict=True)
    ]
    return Predictions(examples, answers, kept, losses)


def _answer(task: Task, example: Example, scores: Sequence[float], text: str | None) -> Answer:
    if text is not None:
        return task.read(example, text)
    best = max(range(len(scores)), key=scores.__getitem__)
    return Answer(best, example.choices[best])


def prediction_lines(predictions: Predictions) -> list[dict[str, Any]]:
    """Convert predictions to an object for each row: id, answer, right answer, and the score of every choice.

    `choice` and `target_choice` are indices of the row's choices, or null. `scores` is missing for generated text.
    `group` is present for rows that a metric counts together. The metrics can be computed again from these lines alone.
    """
    rows = zip(predictions.examples, predictions.answers, predictions.scores, strict=True)
    return [
        {
            "idx": example.idx,
            "predicted": answer.text,
            "target": list(example.answers) or example.gold,
            "choice": answer.choice,
            "target_choice": example.target,
            "right": is_right(example, answer),
            **({} if example.group is None else {"group": example.group}),
            **({"scores": scores} if scores else {}),
        }
        for example, answer, scores in rows
    ]
