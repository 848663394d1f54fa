"""Combine the answers of several runs to the same examples: by the mean log-probability, or by vote."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import torch

from rpt.errors import ConfigError
from rpt.scoring.predictions import Predictions
from rpt.tasks.example import Answer, Example

Combine = Callable[[Predictions, Sequence[int]], tuple[Predictions, list[int]]]
"""Function that combines several answers to each example.

Its arguments are the answers, and for each answer the number of its example. It returns one combined answer for each
example, and the position of the example's first answer among the given answers.
"""


def log_probabilities(scores: Sequence[float]) -> list[float]:
    """Compute the log-probability of each choice from logits or log-likelihoods, in nats.

    Examples:
        >>> [round(value, 3) for value in log_probabilities([0.0, 0.0])]
        [-0.693, -0.693]
    """
    most = max(scores)
    total = most + math.log(math.fsum(math.exp(score - most) for score in scores))
    return [score - total for score in scores]


def by_mean(predictions: Predictions, numbers: Sequence[int]) -> tuple[Predictions, list[int]]:
    """Answer each example with the choice of the highest mean log-probability over the runs.

    The scores of the combined answer are the mean log-probabilities. An output line normalises them, so that the
    probabilities sum to 1.

    Raises:
        ConfigError: The runs generate text, which has no log-probabilities.
    """
    if not all(predictions.scores):
        raise ConfigError.of("ensemble", "mean", "generated text has no log-probabilities. Set --ensemble vote.")
    return _combined(predictions, numbers, lambda _, __, means: means.index(max(means)))


def by_vote(predictions: Predictions, numbers: Sequence[int]) -> tuple[Predictions, list[int]]:
    """Answer each example with the most frequent answer.

    Among equally frequent answers, the answer with the highest mean log-probability over the runs is chosen. Generated
    texts have no log-probabilities, so the answer of the first run among equally frequent ones is chosen.
    """
    return _combined(predictions, numbers, _most_frequent)


COMBINATIONS: dict[str, Combine] = {"mean": by_mean, "vote": by_vote}
"""Ways of combining answers, by the value of `--ensemble`."""


def _most_frequent(example: Example, answers: Sequence[Answer], means: Sequence[float]) -> int | Answer:
    counts = Counter(answers)

    def rank(answer: Answer) -> tuple[int, float]:
        mean = means[answer.choice] if means and answer.choice is not None else 0.0
        return counts[answer], mean

    return max(counts, key=rank)


def _combined(
    predictions: Predictions,
    numbers: Sequence[int],
    choose: Callable[[Example, Sequence[Answer], list[float]], int | Answer],
) -> tuple[Predictions, list[int]]:
    positions: dict[int, list[int]] = {}
    for position, number in enumerate(numbers):
        positions.setdefault(number, []).append(position)
    firsts = [same[0] for same in positions.values()]
    examples = [predictions.examples[first] for first in firsts]
    answers: list[Answer] = []
    all_means: list[list[float]] = []
    for example, same in zip(examples, positions.values(), strict=True):
        columns = zip(*(log_probabilities(predictions.scores[p]) for p in same if predictions.scores[p]), strict=True)
        means = [math.fsum(column) / len(column) for column in columns]
        chosen = choose(example, [predictions.answers[position] for position in same], means)
        answers.append(Answer(chosen, example.choices[chosen]) if isinstance(chosen, int) else chosen)
        all_means.append(means)
    return Predictions(examples, answers, all_means, torch.zeros(len(examples))), firsts
