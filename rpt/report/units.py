"""A run's score as a mean over sampling units, so that statistics can weigh examples.

Some scores are no mean over examples: F1 is a ratio of counts. The jackknife turns each into one. With n units,

    units[i] = score + (n - 1) * (mean of the scores without one unit - score without unit i)

are the pseudo-values (Efron and Tibshirani 1993, section 11.5), shifted so that their mean is the score itself. For a
share of right examples they are 1 and 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from rpt.metrics import METRICS
from rpt.tasks.example import Answer, Example

Line = Mapping[str, Any]
Rows = Int64[np.ndarray, " rows"]
Counts = Float[np.ndarray, "units counts"]
Totals = Float[np.ndarray, "... counts"]
FromTotals = Callable[[Totals], Float[np.ndarray, "..."]]
"""A score as a function of sums over units, of which one can be left out; the first axes are many scores at once."""

NEEDED = ("predicted", "target", "choice", "target_choice", "right")
"""What every line must have."""


def unit_scores(lines: Sequence[Line], metrics: Sequence[str]) -> Float[np.ndarray, " units"]:
    """The task score's value of each sampling unit, in the order of its first line; their mean is the score.

    A unit is what is drawn as a whole: a group of rows that are right or wrong together (MultiRC's question), else a
    row.

    Args:
        lines: Of `predictions.jsonl`, at least one.
        metrics: Keys of `rpt.metrics.METRICS`; the score is their mean.

    Raises:
        ValueError: A line lacks what the metrics are computed of, or a metric is unknown; it names the line or metric.
    """
    _check(lines, metrics)
    unit = _unit_of(lines)
    return np.asarray(np.mean([_jackknifed(*_counted(name, lines, unit)) for name in metrics], axis=0))


def _check(lines: Sequence[Line], metrics: Sequence[str]) -> None:
    if not lines:
        raise ValueError("there is no line")
    if unknown := [name for name in metrics if name not in METRICS]:
        raise ValueError(f"{unknown[0]}: no such metric. There are {', '.join(METRICS)}")
    for number, line in enumerate(lines, 1):
        if missing := [key for key in NEEDED if key not in line]:
            raise ValueError(f"line {number} has no {missing[0]}: an older version wrote it")


def _unit_of(lines: Sequence[Line]) -> Rows:
    """The number of each row's unit."""
    numbers: dict[object, int] = {}
    keys = [
        ("alone", at) if line.get("group") is None else ("group", str(line["group"])) for at, line in enumerate(lines)
    ]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def _jackknifed(counts: Counts, score: FromTotals) -> Float[np.ndarray, " units"]:
    """The score's value of each unit."""
    totals, num_units = counts.sum(axis=0), len(counts)
    whole = score(totals)
    if num_units == 1:
        return np.atleast_1d(whole)
    without = score(totals - counts)
    return np.asarray(whole + (num_units - 1) * (without.mean() - without))


def _counted(name: str, lines: Sequence[Line], unit: Rows) -> tuple[Counts, FromTotals]:
    """What a metric counts in each unit, and how it is made of the totals."""
    if name in ("f1_macro", "f1a"):
        return _summed(_of_classes(lines), unit), _f1_macro if name == "f1_macro" else _f1a
    if name == "em":
        right = np.ones(unit.max() + 1)
        np.minimum.at(right, unit, [float(line["right"]) for line in lines])
        return np.stack([right, np.ones_like(right)], axis=1), _share
    if name == "accuracy":
        values = [float(line["choice"] is not None and line["choice"] == line["target_choice"]) for line in lines]
    else:
        values = [METRICS[name]([_example(line)], [Answer(line["choice"], line["predicted"])]) for line in lines]
    return _summed(np.stack([np.array(values), np.ones(len(values))], axis=1), unit), _share


def _summed(counts: Float[np.ndarray, "rows counts"], unit: Rows) -> Counts:
    """Counts of the rows as counts of their units."""
    totals = np.zeros((unit.max() + 1, counts.shape[1]))
    np.add.at(totals, unit, counts)
    return totals


def _of_classes(lines: Sequence[Line]) -> Float[np.ndarray, "rows counts"]:
    """For every row and class whether it is a hit, a false alarm, or a miss: three blocks of columns."""
    chosen, right = (
        np.array([-1 if line[key] is None else line[key] for line in lines]) for key in ("choice", "target_choice")
    )
    classes = np.arange(max(2, chosen.max() + 1, right.max() + 1))  # f1a asks for the second, which may be nowhere
    said, meant = chosen[:, None] == classes, right[:, None] == classes
    return np.concatenate([said & meant, said & ~meant, ~said & meant], axis=1).astype(float)


def _share(totals: Totals) -> Float[np.ndarray, "..."]:
    """Mean of values: their sum, and how many there are."""
    return np.asarray(totals[..., 0] / totals[..., 1])


def _f1(totals: Totals) -> Float[np.ndarray, "... classes"]:
    """Of each class; nan where it is neither chosen nor right."""
    hits, alarms, misses = np.split(totals, 3, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * hits / (2 * hits + alarms + misses))


def _f1_macro(totals: Totals) -> Float[np.ndarray, "..."]:
    return np.asarray(np.nanmean(_f1(totals), axis=-1))


def _f1a(totals: Totals) -> Float[np.ndarray, "..."]:
    return np.asarray(np.nan_to_num(_f1(totals)[..., 1], nan=1.0))


def _example(line: Line) -> Example:
    """What the mean of a row's words needs of its example."""
    target = line["target"]
    several, only = ((), target) if isinstance(target, str) else (tuple(target), None)
    return Example(idx=0, fields={}, choices=(), target=None, answers=several, output=only)
