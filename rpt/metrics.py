"""Official metrics by torchmetrics, and the majority line that a score is read against. All values are 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int64
from torch import Tensor
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_f1_score

Labels = Int64[Tensor, " rows"]
Metric = Callable[[Labels, Labels, int], float]


def accuracy(predicted: Labels, target: Labels, num_choices: int) -> float:
    """Share of rows whose prediction is right."""
    return float(multiclass_accuracy(predicted, target, num_classes=num_choices, average="micro"))


def f1_macro(predicted: Labels, target: Labels, num_choices: int) -> float:
    """Unweighted mean of the per-class F1 over the classes that are predicted or right somewhere (CB)."""
    return float(multiclass_f1_score(predicted, target, num_classes=num_choices, average="macro"))


METRICS: dict[str, Metric] = {"accuracy": accuracy, "f1_macro": f1_macro}


def evaluate(names: Sequence[str], predicted: Labels, target: Labels, num_choices: int) -> dict[str, float]:
    """A task's metrics, and under `score` their mean."""
    values = {name: METRICS[name](predicted, target, num_choices) for name in names}
    return {**values, "score": sum(values.values()) / len(values)}


def majority(names: Sequence[str], target: Labels, num_choices: int) -> dict[str, float]:
    """What always answering with the most frequent label of these rows scores."""
    most = torch.bincount(target, minlength=num_choices).argmax()
    return evaluate(names, most.expand_as(target), target, num_choices)
