"""The tasks' metrics. All values are 0 to 1, and 1 where every answer is right.

torchmetrics counts classes; the shares are taken of its whole numbers in double precision, where torchmetrics itself
would round to float32. An answer that is none of the choices is wrong: a miss of the right class, a false alarm of
none, and no class of its own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from rpt.tasks.example import Answer, Example
from rpt.tasks.text import normalised

Metric = Callable[[Sequence[Example], Sequence[Answer]], float]


def accuracy(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Share of examples whose choice is the target."""
    return sum(hits for hits, _, _ in _counts(examples, answers)) / len(examples)


def f1_macro(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Unweighted mean of the per-class F1 over the classes that are chosen or right somewhere (CB).

    A class that occurs in neither is left out, as scikit-learn's `f1_score(average="macro")` does by default, with
    which SuperGLUE's own toolkit (jiant) and the hub's `super_glue` metric score CB. T5 and lm-evaluation-harness fix
    the label set instead, and count such a class as 0.
    """
    scores = [_f1(*counts) for counts in _counts(examples, answers) if any(counts)]
    return math.fsum(scores) / len(scores)


def f1a(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """F1 of the second choice over all examples pooled (MultiRC); 1 where it is neither chosen nor right anywhere.

    Precision without a chosen answer and recall without a right one are 1 in MultiRC's own evaluation script
    (Khashabi et al. 2018). scikit-learn gives 0 with a warning.
    """
    counts = _counts(examples, answers)[1]
    return _f1(*counts) if any(counts) else 1.0


def em(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Exact match: share of groups in which every answer is right; an example without a group is one by itself.

    Right is the target, or where an example has several right texts (ReCoRD) one of them, whatever its case,
    punctuation and articles.
    """
    all_right: dict[object, bool] = {}
    for index, (example, answer) in enumerate(zip(examples, answers, strict=True)):
        group = ("alone", index) if example.group is None else ("group", example.group)
        all_right[group] = all_right.get(group, True) and is_right(example, answer)
    return sum(all_right.values()) / len(all_right)


def f1(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Mean over examples of the best token F1 with one of the right texts (ReCoRD); every occurrence of a word counts.

    Source: SQuAD's evaluation script (Rajpurkar et al. 2016).
    """
    return _mean_best(examples, answers, lambda one, other: (Counter(one) & Counter(other)).total())


def f1_of_sets(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """`f1`, but a word in common counts once however often it occurs: a text that repeats a word stays below 1.

    Source: github.com/arazd/ResidualPrompts, 53087ca, prompt_tuner2.py, compute_f1.
    """
    return _mean_best(examples, answers, lambda one, other: len(set(one) & set(other)))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "f1_macro": f1_macro,
    "f1a": f1a,
    "em": em,
    "f1": f1,
    "f1_of_sets": f1_of_sets,
}


OF_LABELS = frozenset({"accuracy", "f1_macro", "f1a"})
"""Metrics of choices. A row whose answer is free text has none."""

RULES: dict[str, str] = {
    "accuracy": "share of rows whose choice is the right one",
    "f1_macro": "mean F1 of the classes that are chosen or right in any row; a class that is neither is left out",
    "f1a": "F1 of the second label over all rows; 1 where it is neither chosen nor right in any row",
    "em": "share of groups of rows in which every answer is right; a row without a group is a group",
    "f1": "mean of the best word F1 with a right text; a repeated word counts as often as it occurs",
    "f1_of_sets": "mean of the best word F1 with a right text; a repeated word counts once",
}
"""How each metric is defined where definitions differ; records carry the rules of their metrics."""


def evaluate(names: Sequence[str], examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, float]:
    """A task's metrics, and under `score` their mean.

    Args:
        names: Keys of `METRICS`.
        examples: The rows, at least one.
        answers: One for each, in order.
    """
    values = {name: METRICS[name](examples, answers) for name in names}
    return {**values, "score": sum(values.values()) / len(values)}


def _counts(examples: Sequence[Example], answers: Sequence[Answer]) -> list[tuple[int, int, int]]:
    """For every choice its hits, false alarms and misses."""
    # Here, because a report counts words with this module's metrics and need not wait seconds for torch.
    import torch
    from torchmetrics.functional.classification import multiclass_stat_scores

    most = max(len(example.choices) for example in examples)
    none_chosen, none_right = most, most + 1  # two classes more, which never meet and are left out below
    chosen = [none_chosen if answer.choice is None else answer.choice for answer in answers]
    right = [none_right if example.target is None else example.target for example in examples]
    table = multiclass_stat_scores(torch.tensor(chosen), torch.tensor(right), num_classes=most + 2, average="none")
    assert isinstance(table, torch.Tensor)
    return [(hits, alarms, misses) for hits, alarms, _, misses, _ in table[:most].tolist()]


def _f1(hits: int, false_alarms: int, misses: int) -> float:
    return 2 * hits / (2 * hits + false_alarms + misses)


def is_right(example: Example, answer: Answer) -> bool:
    """Whether an answer is the target, or where an example has right texts of its own, one of them (`em`)."""
    if right := example.answers or (() if example.choices else (example.gold,)):
        return normalised(answer.text) in map(normalised, right)
    return answer.choice is not None and answer.choice == example.target


def _mean_best(
    examples: Sequence[Example],
    answers: Sequence[Answer],
    count_common: Callable[[Sequence[str], Sequence[str]], int],
) -> float:
    """Mean over examples of the best F1 of an answer's words with those of one of the right texts (or the only one)."""
    best = []
    for example, answer in zip(examples, answers, strict=True):
        said = normalised(answer.text).split()
        meant = [normalised(text).split() for text in example.answers or (example.gold,)]
        best.append(max(_word_f1(said, words, count_common(said, words)) for words in meant))
    return math.fsum(best) / len(best)


def _word_f1(said: Sequence[str], meant: Sequence[str], num_common: int) -> float:
    if not said or not meant:
        return float(said == meant)
    return 2 * num_common / (len(said) + len(meant))
