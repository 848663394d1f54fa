"""How soon encoders are trained: epochs until two of them have reached the same held-out score, paired by seed.

An encoder that stays low is soon at its own best, so that epochs to one's own best say nothing of who is faster. Two
encoders are therefore compared at a score that both reach: for each seed the lower of their two bests, less a point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rpt.report.comparisons import Family, agree, couples
from rpt.report.diagnostics import WITHIN, Diagnosis, History
from rpt.report.study import Study, Value
from rpt.stats.counts import compare_counts
from rpt.stats.estimate import Comparison


@dataclass(frozen=True)
class Pace:
    """Two encoders on a task, each at the point that the held-out rows choose.

    Attributes:
        task: Name of the task.
        ours: The one that fewer epochs speak for.
        theirs: The other.
        at: Values on the study's axes besides the main one.
        comparison: Difference in epochs, ours less theirs, with interval and p over the seeds that both trained with.
        p_holm: The p, adjusted over its family; `nan` below three seeds.
        family: The comparisons that Holm's correction adjusts together, over all tasks.
    """

    task: str
    ours: str
    theirs: str
    at: Mapping[str, Value]
    comparison: Comparison
    p_holm: float = float("nan")
    family: Family = "exploratory"

    @property
    def verdict(self) -> Literal["fewer", "more", "open"]:
        """What the data say of our epochs: `open` where the interval holds 0 or the adjusted p is 0.05 or more."""
        sign = self.comparison.sign(self.p_holm)
        return "more" if sign > 0 else "fewer" if sign < 0 else "open"


def paces(study: Study, diagnoses: Sequence[Diagnosis]) -> list[Pace]:
    """Make every comparison of how soon; no p is adjusted yet.

    Args:
        study: The study.
        diagnoses: Of `rpt.report.diagnostics.diagnose`.
    """
    return [*_compared(study, diagnoses)]


def _compared(study: Study, diagnoses: Sequence[Diagnosis]) -> Iterator[Pace]:
    main = study.axes[0].key if study.axes else None
    places = [{key: value for key, value in one.point.values.items() if key != main} for one in diagnoses]
    for our_method, their_method in couples(study.methods):
        for ours, at in zip(diagnoses, places, strict=True):
            for theirs, there in zip(diagnoses, places, strict=True):
                is_pair = (ours.point.method, theirs.point.method) == (our_method, their_method)
                epochs = _epochs(ours, theirs) if is_pair and ours.point.task == theirs.point.task else []
                if epochs and agree(at, there):
                    compared = compare_counts(*np.array(epochs).T)
                    yield Pace(ours.point.task, our_method, their_method, {**at, **there}, compared)


def _epochs(ours: Diagnosis, theirs: Diagnosis) -> list[tuple[float, float]]:
    """For each seed that both trained with, the epochs until each reached what both reach."""
    one, other = _histories(ours), _histories(theirs)
    found = []
    for seed in sorted(one.keys() & other.keys()):
        both = one[seed], other[seed]
        level = min(history.score.max() for history in both) - WITHIN
        first = [float(history.epochs[np.flatnonzero(history.score >= level)[0]]) for history in both]
        found.append((first[0], first[1]))
    return found


def _histories(one: Diagnosis) -> dict[int, History]:
    """By seed, of runs that were trained to their end."""
    pairs = zip(one.point.runs, one.histories, strict=True)
    return {run.seed: history for run, history in pairs if history is not None and not run.diverged}
