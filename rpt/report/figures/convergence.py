"""Figure of the score on the held-out rows over epochs, and functions for other figures of curves over epochs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from rpt.report.figures import legend
from rpt.report.figures.figure import Figure, finish, grid_of_panels
from rpt.report.figures.panels import MOST_PANELS, not_shown
from rpt.report.figures.styles import Look, heading, looks_of, points
from rpt.report.read.diagnostics import Diagnosis, History, Series
from rpt.report.read.run import POINTS
from rpt.report.read.study import Study
from rpt.report.say.words import listed


def convergence(study: Study, diagnoses: Sequence[Diagnosis]) -> list[Figure]:
    """Draw the held-out score over epochs in a panel for each task.

    Each encoder is drawn at its point (setting of the sweep) with the best held-out score.
    """
    known = [task for task in study.tasks if any(_of_task(diagnoses, task))]
    tasks = known[:MOST_PANELS]
    if not tasks:
        return []
    looks = looks_of(study)
    drawing, axes = grid_of_panels(len(tasks), is_sample=study.is_sample)
    for ax, task in zip(axes, tasks, strict=True):
        for diagnosis in _of_task(diagnoses, task):
            _lines(ax, diagnosis, "score", looks[diagnosis.point.method], scale=POINTS)
        dress(ax, heading(study, task, {}), "held-out score (points)")
    methods = dict.fromkeys(diagnosis.point.method for task in tasks for diagnosis in _of_task(diagnoses, task))
    legend.put_below(drawing, [legend.of_method(method, looks[method]) for method in methods])
    select = study.runs[0].record.protocol.select_on
    rows = "validation rows" if select == "validation" else "rows held out of train"
    caption = (
        f"Score on the {rows}, which select the checkpoint, for each encoder at its point with the highest score on "
        "these rows. Thick lines are means over seeds, at the epochs at which all seeds were evaluated. Thin lines are "
        "single runs."
        f"{not_shown(known)}"
    )
    alt = "Held-out score over epochs. " + " ".join(_say(task, [*_of_task(diagnoses, task)]) for task in tasks)
    return [finish(drawing, "convergence", "Held-out score over epochs", caption, alt)]


def over_time(ax: Axes, diagnoses: Sequence[Diagnosis], name: str, study: Study) -> None:
    """Draw a measure of the prompt that every evaluation records (`gate`, `norm` or `drift`) over epochs."""
    looks = looks_of(study)
    for diagnosis in diagnoses:
        _lines(ax, diagnosis, name, looks[diagnosis.point.method], scale=1.0)


def dress(ax: Axes, title: str, label: str) -> None:
    """Set the title and the axis labels of a panel over epochs."""
    ax.set_title(title, loc="left")
    ax.set_xlabel("epochs trained")
    ax.set_ylabel(label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def best_of_tasks(diagnoses: Sequence[Diagnosis], task: str) -> list[Diagnosis]:
    """Return one diagnosis for each encoder on a task: the diagnosis with the best held-out score."""
    best: dict[str, Diagnosis] = {}
    for diagnosis in diagnoses:
        known = best.get(diagnosis.point.method)
        if diagnosis.point.task == task and (known is None or diagnosis.point.held_out > known.point.held_out):
            best[diagnosis.point.method] = diagnosis
    return [*best.values()]


def has(diagnosis: Diagnosis, name: str) -> bool:
    """Whether at least one run of a diagnosis has recorded the named field of `History`."""
    return any(bool(np.isfinite(_series(history, name)).any()) for history in _histories(diagnosis))


def mean_of(diagnosis: Diagnosis, name: str) -> tuple[Series, Series]:
    """Return the epochs at which every run was evaluated, and the mean over runs of a field of `History`.

    Runs that did not record the field are left out. Both arrays are empty if the other runs have no epoch in common.
    """
    histories = [history for history in _histories(diagnosis) if np.isfinite(_series(history, name)).any()]
    epochs = reduce(np.intersect1d, [history.epochs for history in histories])
    rows = [np.searchsorted(history.epochs, epochs) for history in histories]
    stacked = np.stack([_series(history, name)[row] for history, row in zip(histories, rows, strict=True)])
    return epochs, stacked.mean(axis=0)


def _lines(ax: Axes, diagnosis: Diagnosis, name: str, look: Look, scale: float) -> None:
    if not has(diagnosis, name):
        return
    for history in _histories(diagnosis):
        ax.plot(history.epochs, scale * _series(history, name), color=look.colour, alpha=0.35, linewidth=0.6)
    epochs, mean = mean_of(diagnosis, name)
    every = max(len(epochs) // 8, 1)
    ax.plot(epochs, scale * mean, color=look.colour, linestyle=look.line, marker=look.marker, markevery=every,
            markeredgecolor="white", markeredgewidth=0.5)  # fmt: skip


def _of_task(diagnoses: Sequence[Diagnosis], task: str) -> Iterator[Diagnosis]:
    return (diagnosis for diagnosis in best_of_tasks(diagnoses, task) if has(diagnosis, "score"))


def _histories(diagnosis: Diagnosis) -> list[History]:
    return [history for history in diagnosis.histories if history is not None]


def _series(history: History, name: str) -> Series:
    series: Series = getattr(history, name)
    return series


def _say(task: str, diagnoses: Sequence[Diagnosis]) -> str:
    phrases = []
    for diagnosis in diagnoses:
        epochs, mean = mean_of(diagnosis, "score")
        if not len(epochs):
            phrases.append(f"{diagnosis.point.method} none, because its runs have no epoch in common")
            continue
        start, end, best = points(mean[0]), points(mean[-1]), int(mean.argmax())
        phrases.append(
            f"{diagnosis.point.method} from {start} to {end}, best {points(mean[best])} after epoch {epochs[best]:g}"
        )
    return f"{task}: mean in points, {listed(phrases)}."
