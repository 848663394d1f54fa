"""Comparisons of training speed: epochs that two encoders need to reach the same held-out score, paired by seed.

An encoder with low scores reaches its own best score soon, so the epochs until this score do not show which encoder is
faster. Two encoders are therefore compared at a score that both reach: for each seed, the lower of their two best
scores minus one point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rpt.report.measure.comparisons import Family, agree, couples
from rpt.report.read.diagnostics import Diagnosis, History
from rpt.report.read.run import ONE_POINT, Value
from rpt.report.read.study import Study
from rpt.stats.counts import compare_counts
from rpt.stats.estimate import Comparison


@dataclass(frozen=True)
class Pace:
    """A comparison of the epochs that two encoders need to reach the same held-out score.

    Each encoder is taken at the point that the held-out rows choose for it.

    Attributes:
        task: Name of the task.
        first: Name of the first encoder; a negative difference means that it needs fewer epochs.
        second: Name of the second encoder.
        setting: Values on the study's axes other than the main axis, by dotted key.
        comparison: Epochs of the first encoder minus epochs of the second, with interval and p-value, over the seeds
            that both encoders were trained with.
        p_holm: p-value after Holm's correction within the family; `nan` below three seeds.
        family: Family of comparisons, over all tasks, that Holm's correction adjusts together.
    """

    task: str
    first: str
    second: str
    setting: Mapping[str, Value]
    comparison: Comparison
    p_holm: float = float("nan")
    family: Family = "exploratory"

    @property
    def verdict(self) -> Literal["fewer", "more", "open"]:
        """Result of the comparison: the first encoder needs `fewer` or `more` epochs than the second, or it is `open`.

        The result is `open`, which means undecided, if the confidence interval of the difference in epochs contains 0,
        if the p-value after Holm's correction is 0.05 or more, or with fewer than three seeds.
        """
        sign = self.comparison.sign(self.p_holm)
        return "more" if sign > 0 else "fewer" if sign < 0 else "open"


def paces(study: Study, diagnoses: Sequence[Diagnosis]) -> list[Pace]:
    """Compare the epochs of the pairs of encoders that `couples` returns, without Holm's correction.

    Args:
        study: Study to compare encoders in.
        diagnoses: Training curves of the study, from `rpt.report.read.diagnostics.diagnose`.
    """
    return [*_compared(study, diagnoses)]


def _compared(study: Study, diagnoses: Sequence[Diagnosis]) -> Iterator[Pace]:
    main = study.main_axis.key if study.main_axis else None
    settings = [{key: value for key, value in diagnosis.point.values.items() if key != main} for diagnosis in diagnoses]
    for first_method, second_method in couples(study):
        for first, first_setting in zip(diagnoses, settings, strict=True):
            for second, second_setting in zip(diagnoses, settings, strict=True):
                is_pair = (first.point.method, second.point.method) == (first_method, second_method)
                epochs = _epochs(first, second) if is_pair and first.point.task == second.point.task else []
                if epochs and agree(first_setting, second_setting):
                    compared = compare_counts(*np.array(epochs).T)
                    yield Pace(
                        first.point.task, first_method, second_method, {**first_setting, **second_setting}, compared
                    )


def _epochs(first: Diagnosis, second: Diagnosis) -> list[tuple[float, float]]:
    """Return for each common seed the numbers of epochs until the two encoders have reached the same score."""
    histories, others = _histories(first), _histories(second)
    pairs = []
    for seed in sorted(histories.keys() & others.keys()):
        both = histories[seed], others[seed]
        level = min(history.score.max() for history in both) - ONE_POINT
        epochs = [float(history.epochs[np.flatnonzero(history.score >= level)[0]]) for history in both]
        pairs.append((epochs[0], epochs[1]))
    return pairs


def _histories(diagnosis: Diagnosis) -> dict[int, History]:
    """Return the evaluations of each run that has evaluations and did not diverge, by seed."""
    pairs = zip(diagnosis.point.runs, diagnosis.histories, strict=True)
    return {run.seed: history for run, history in pairs if history is not None and not run.diverged}
