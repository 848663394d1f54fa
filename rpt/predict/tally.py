"""Compute the task's metrics over the answers to labelled rows, without keeping the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rpt.console import several
from rpt.predict.answers import AnswerLine
from rpt.predict.predictor import Predictor
from rpt.tasks.running_metrics import RunningMetrics


class Tally:
    """Metrics over the answers to labelled rows, by run.

    Args:
        predictor: Runs that give the answers.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._metrics: Mapping[str, Sequence[str]] = {
            name: group.tuner.metric_names for group in predictor.groups for name in group.names
        }
        self._of_ensemble = predictor.groups[0].tuner.metric_names
        self._by_run: dict[str, RunningMetrics] = {}

    def add(self, line: AnswerLine) -> None:
        """Add an answer to the metrics of its run; do nothing if its row has no label."""
        if line.example is None:
            return
        if line.run not in self._by_run:
            self._by_run[line.run] = RunningMetrics(self._metrics.get(line.run, self._of_ensemble))
        self._by_run[line.run].add(line.example, line.answer)

    def lines(self) -> list[str]:
        """Format the metrics of each run: `NAME: score 0.575, accuracy 0.586 (250 labelled rows)`."""
        formatted = []
        for run, metrics in self._by_run.items():
            scores = metrics.values()
            ordered = {"score": scores.pop("score"), **scores}
            values = ", ".join(f"{name} {value:.4f}" for name, value in ordered.items())
            formatted.append(f"{run}: {values} ({several(metrics.num_answers, 'labelled row')})")
        return formatted
