"""Official metrics, and the majority line that a score is read against. All values are 0 to 1.

torchmetrics counts; the shares are taken of its whole numbers in double precision, where torchmetrics itself would
round to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int64
from torch import Tensor
from torchmetrics.functional.classification import multiclass_stat_scores

Labels = Int64[Tensor, " rows"]
Metric = Callable[[Labels, Labels, int], float]


def accuracy(predicted: Labels, target: Labels, num_choices: int) -> float:
    """Share of rows whose prediction is right."""
    hits, _, _, _, support = _counts(predicted, target, num_choices)
    return sum(hits) / sum(support)


def f1_macro(predicted: Labels, target: Labels, num_choices: int) -> float:
    """Unweighted mean of the per-class F1 over the classes that are predicted or right somewhere (CB)."""
    hits, false_alarms, _, misses, _ = _counts(predicted, target, num_choices)
    doubled = [(2 * hit, 2 * hit + alarm + miss) for hit, alarm, miss in zip(hits, false_alarms, misses, strict=True)]
    scores = [part / whole for part, whole in doubled if whole]
    return math.fsum(scores) / len(scores)


def _counts(predicted: Labels, target: Labels, num_choices: int) -> list[list[int]]:
    """For every class its hits, false alarms, right rejections, misses and rows."""
    counts = multiclass_stat_scores(predicted, target, num_classes=num_choices, average="none")
    assert isinstance(counts, Tensor)
    listed: list[list[int]] = counts.T.tolist()
    return listed


METRICS: dict[str, Metric] = {"accuracy": accuracy, "f1_macro": f1_macro}


def evaluate(names: Sequence[str], predicted: Labels, target: Labels, num_choices: int) -> dict[str, float]:
    """A task's metrics, and under `score` their mean."""
    values = {name: METRICS[name](predicted, target, num_choices) for name in names}
    return {**values, "score": sum(values.values()) / len(values)}


def majority(names: Sequence[str], target: Labels, num_choices: int) -> dict[str, float]:
    """What always answering with the most frequent label of these rows scores."""
    most = torch.bincount(target, minlength=num_choices).argmax()
    return evaluate(names, most.expand_as(target), target, num_choices)
