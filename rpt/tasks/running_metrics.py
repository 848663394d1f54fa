"""Metrics of answers that arrive one after the other, in memory that hardly grows with their number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rpt.tasks.example import Answer, Example, Idx
from rpt.tasks.metrics import METRICS, OF_COUNTS, OF_WORDS, Counts, is_right, label_counts, with_score


class RunningMetrics:
    """Metrics of a task over answers that are added one by one. They equal `evaluate` over all answers, bit for bit.

    No example is kept. Only counts are kept: of each pair of right and chosen choice, and of each value of a word F1.
    Exact match alone needs memory that grows: it keeps a truth value for each group of examples.

    Args:
        names: Names of metrics, keys of `METRICS`.

    Attributes:
        num_answers: Number of added answers.

    Examples:
        >>> metrics = RunningMetrics(["accuracy"])
        >>> example = Example(idx=1, fields={}, choices=("no", "yes"), target=1)
        >>> metrics.add(example, Answer(1, "yes"))
        >>> metrics.add(example, Answer(0, "no"))
        >>> metrics.values()
        {'accuracy': 0.5, 'score': 0.5}
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.num_answers = 0
        self._names = names
        self._num_choices = 0
        self._pairs: Counter[tuple[int | None, int | None]] = Counter()  # right and chosen choice
        self._word_values: dict[str, Counter[float]] = {name: Counter() for name in names if name in OF_WORDS}
        self._ungrouped: Counter[bool] = Counter()  # whether the answer is right
        self._groups: dict[Idx, bool] = {}

    def add(self, example: Example, answer: Answer) -> None:
        """Add the answer to an example with a right answer."""
        self.num_answers += 1
        if not OF_COUNTS.keys().isdisjoint(self._names):
            self._num_choices = max(self._num_choices, len(example.choices))
            self._pairs[example.target, answer.choice] += 1
        for name, values in self._word_values.items():
            values[METRICS[name]([example], [answer])] += 1
        if "em" in self._names:
            right = is_right(example, answer)
            if example.group is None:
                self._ungrouped[right] += 1
            else:
                self._groups[example.group] = self._groups.get(example.group, True) and right

    def values(self) -> dict[str, float]:
        """Compute the metrics by name, and their mean as `score`. At least one answer must have been added."""
        return with_score({name: self._value(name) for name in self._names})

    def _value(self, name: str) -> float:
        if name in OF_COUNTS:
            return OF_COUNTS[name](self._label_counts(), self.num_answers)
        if name in self._word_values:
            return math.fsum(self._word_values[name].elements()) / self.num_answers
        assert name == "em"
        num_right = self._ungrouped[True] + sum(self._groups.values())
        return num_right / (self._ungrouped.total() + len(self._groups))

    def _label_counts(self) -> Counts:
        """Compute hits, false alarms and misses of each choice from the counted pairs of right and chosen choice."""
        sums = [(0, 0, 0)] * self._num_choices
        choices = ("",) * self._num_choices
        for (target, choice), number in self._pairs.items():
            example = Example(idx=0, fields={}, choices=choices, target=target)
            counts = label_counts([example], [Answer(choice, "")])
            sums = [
                (hits + number * new_hits, alarms + number * new_alarms, misses + number * new_misses)
                for (hits, alarms, misses), (new_hits, new_alarms, new_misses) in zip(sums, counts, strict=True)
            ]
        return sums
