"""Metrics of the tasks. All values are 0 to 1, and 1 if every answer is right.

torchmetrics counts hits, false alarms and misses. Shares are computed from the counts in double precision, because
torchmetrics would round them to float32. An answer that is none of the choices is wrong. It counts as a miss (false
negative) of the right class. It is not a false alarm (false positive) of any class, and is not a class itself.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from rpt.tasks.example import Answer, Example
from rpt.tasks.text import normalised

Metric = Callable[[Sequence[Example], Sequence[Answer]], float]

Counts = Sequence[tuple[int, int, int]]
"""Numbers of hits (true positives), false alarms and misses of each choice, in the order of the choices."""


def accuracy(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Compute the share of examples whose chosen answer is the target."""
    return _accuracy(label_counts(examples, answers), len(examples))


def _accuracy(counts: Counts, num_examples: int) -> float:
    return sum(hits for hits, _, _ in counts) / num_examples


def f1_macro(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Compute the unweighted mean of the per-class F1 over the classes that are chosen or right in any example (CB).

    A class that is neither chosen nor right is left out, as in scikit-learn's `f1_score(average="macro")` by default.
    SuperGLUE's toolkit (jiant) and the hub's `super_glue` metric score CB by that function. T5 and
    lm-evaluation-harness fix the label set instead, and count such a class as 0.
    """
    return _f1_macro(label_counts(examples, answers), len(examples))


def _f1_macro(counts: Counts, _: int) -> float:
    scores = [_f1(*of_choice) for of_choice in counts if any(of_choice)]
    return math.fsum(scores) / len(scores)


def f1a(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Compute the F1 of the second choice (label 1 of MultiRC) over all examples together.

    The F1 is 1 if the second choice is neither chosen nor right in any example. MultiRC's evaluation script (Khashabi
    et al. 2018) also sets precision without a chosen answer and recall without a right answer to 1. scikit-learn gives
    0 with a warning.
    """
    return _f1a(label_counts(examples, answers), len(examples))


def _f1a(counts: Counts, _: int) -> float:
    return _f1(*counts[1]) if any(counts[1]) else 1.0


def em(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Compute exact match: the share of groups in which every answer is right.

    An example without a group is a group by itself. An answer is right if it is the target. If an example has several
    right texts (ReCoRD), an answer is right if it equals any of them, without case, punctuation and articles.
    """
    all_right: dict[object, bool] = {}
    for index, (example, answer) in enumerate(zip(examples, answers, strict=True)):
        group = ("alone", index) if example.group is None else ("group", example.group)
        all_right[group] = all_right.get(group, True) and is_right(example, answer)
    return sum(all_right.values()) / len(all_right)


def f1(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Compute the mean over examples of the best word F1 with any right text (ReCoRD).

    A repeated word counts as often as it occurs. Source: SQuAD's evaluation script (Rajpurkar et al. 2016).
    """
    return _mean_best(examples, answers, lambda answer, right: (Counter(answer) & Counter(right)).total())


def f1_of_sets(examples: Sequence[Example], answers: Sequence[Answer]) -> float:
    """Compute `f1`, but count each common word once. A right text that repeats a word cannot reach 1.

    Source: github.com/arazd/ResidualPrompts, 53087ca, prompt_tuner2.py, compute_f1.
    """
    return _mean_best(examples, answers, lambda answer, right: len(set(answer) & set(right)))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "f1_macro": f1_macro,
    "f1a": f1a,
    "em": em,
    "f1": f1,
    "f1_of_sets": f1_of_sets,
}


OF_COUNTS: dict[str, Callable[[Counts, int], float]] = {"accuracy": _accuracy, "f1_macro": _f1_macro, "f1a": _f1a}
"""Functions that compute a metric from the counts of each choice and the number of examples, by the metric's name."""

OF_LABELS = frozenset(OF_COUNTS)
"""Metrics that need choices. They are not defined for rows whose answer is free text."""

OF_WORDS = frozenset({"f1", "f1_of_sets"})
"""Metrics of words. Each of them is a mean over the examples."""

RULES: dict[str, str] = {
    "accuracy": "share of rows whose choice is the right one",
    "f1_macro": "mean F1 of the classes that are chosen or right in any row; a class that is neither is left out",
    "f1a": "F1 of the second label over all rows; 1 where it is neither chosen nor right in any row",
    "em": "share of groups of rows in which every answer is right; a row without a group is a group",
    "f1": "mean of the best word F1 with a right text; a repeated word counts as often as it occurs",
    "f1_of_sets": "mean of the best word F1 with a right text; a repeated word counts once",
}
"""Definition of each metric in the cases where definitions differ; a record holds the definitions of its metrics."""


def evaluate(names: Sequence[str], examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, float]:
    """Compute a task's metrics by name, and their mean as `score`.

    Args:
        names: Names of metrics, keys of `METRICS`.
        examples: Examples, at least one.
        answers: Answer to each example, in the examples' order.
    """
    return with_score({name: METRICS[name](examples, answers) for name in names})


def with_score(values: Mapping[str, float]) -> dict[str, float]:
    """Add the mean of metrics as `score`."""
    return {**values, "score": sum(values.values()) / len(values)}


def label_counts(examples: Sequence[Example], answers: Sequence[Answer]) -> Counts:
    """Count the hits, false alarms and misses of every choice."""
    # Imported here, because a report uses only the metrics of words, and importing torch takes seconds.
    import torch
    from torchmetrics.functional.classification import multiclass_stat_scores

    most = max(len(example.choices) for example in examples)
    none_chosen, none_right = most, most + 1  # two extra classes, which are never equal and are left out below
    chosen = [none_chosen if answer.choice is None else answer.choice for answer in answers]
    right = [none_right if example.target is None else example.target for example in examples]
    table = multiclass_stat_scores(torch.tensor(chosen), torch.tensor(right), num_classes=most + 2, average="none")
    assert isinstance(table, torch.Tensor)
    return [(hits, alarms, misses) for hits, alarms, _, misses, _ in table[:most].tolist()]


def _f1(hits: int, false_alarms: int, misses: int) -> float:
    return 2 * hits / (2 * hits + false_alarms + misses)


def is_right(example: Example, answer: Answer) -> bool:
    """Whether an answer is right for `em`: it equals a right text or, in an example with choices only, the target."""
    if right := example.answers or (() if example.choices else (example.gold,)):
        return normalised(answer.text) in map(normalised, right)
    return answer.choice is not None and answer.choice == example.target


def _mean_best(
    examples: Sequence[Example],
    answers: Sequence[Answer],
    count_common: Callable[[Sequence[str], Sequence[str]], int],
) -> float:
    """Compute the mean over examples of the best F1 between the words of the answer and of any right text.

    Args:
        examples: Examples; `gold` is the right text of an example without `answers`.
        answers: Answer to each example.
        count_common: Function that counts the common words of two word lists.
    """
    best = []
    for example, answer in zip(examples, answers, strict=True):
        answer_words = normalised(answer.text).split()
        right_texts = [normalised(text).split() for text in example.answers or (example.gold,)]
        best.append(max(_word_f1(answer_words, words, count_common(answer_words, words)) for words in right_texts))
    return math.fsum(best) / len(best)


def _word_f1(answer: Sequence[str], right: Sequence[str], num_common: int) -> float:
    if not answer or not right:
        return float(answer == right)
    return 2 * num_common / (len(answer) + len(right))
