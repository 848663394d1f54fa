"""Collect answers to labelled rows, and compute the task's metrics at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rpt.predict.answers import AnswerLine
from rpt.predict.predictor import Predictor
from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import evaluate


class Tally:
    """Answers to labelled rows, by run. Examples are kept without their texts, to save memory.

    Args:
        predictor: Runs whose answers are collected.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._metrics: Mapping[str, Sequence[str]] = {
            name: group.tuner.metric_names for group in predictor.groups for name in group.names
        }
        self._of_ensemble = predictor.groups[0].tuner.metric_names
        self._kept: dict[str, tuple[list[Example], list[Answer]]] = {}
        self._choices: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(self, line: AnswerLine) -> None:
        """Keep an answer, if its row has a label."""
        if line.example is None:
            return
        examples, answers = self._kept.setdefault(line.run, ([], []))
        choices = self._choices.setdefault(line.example.choices, line.example.choices)  # equal tuples are kept once
        examples.append(replace(line.example, fields={}, choices=choices))
        answers.append(line.answer)

    def lines(self) -> list[str]:
        """Format the metrics of each run: `NAME: score 0.575, accuracy 0.586 (250 labelled rows)`."""
        formatted = []
        for run, (examples, answers) in self._kept.items():
            scores = evaluate(self._metrics.get(run, self._of_ensemble), examples, answers)
            ordered = {"score": scores.pop("score"), **scores}
            values = ", ".join(f"{name} {value:.4f}" for name, value in ordered.items())
            formatted.append(f"{run}: {values} ({len(examples):,} labelled rows)")
        return formatted
