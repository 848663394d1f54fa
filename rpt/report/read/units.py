"""Express a run's score as a mean over sampling units, because the statistics over examples need a mean.

A sampling unit is an example, or a group of examples that a metric counts together. Some scores are not means over
examples: F1 is a ratio of counts. The jackknife turns such a score into a mean. With n units,

    units[i] = score + (n - 1) * (mean of the scores without one unit - score without unit i)

are the pseudo-values (Efron and Tibshirani 1993, section 11.5), shifted so that their mean is the score itself. For
accuracy over rows without groups, a pseudo-value is 1 for a right row and 0 for a wrong row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

from rpt.tasks.example import Answer, Example
from rpt.tasks.metrics import METRICS
from rpt.tracking.kinds import NATURAL, TEXT, TEXT_OR_NULL, TEXTS, Kind, problems_of

PredictionLine = Mapping[str, Any]
UnitIndex = Int64[np.ndarray, " rows"]
Counts = Float[np.ndarray, "units counts"]
Totals = Float[np.ndarray, "... counts"]
FromTotals = Callable[[Totals], Float[np.ndarray, "..."]]
"""Function that computes a score from sums of counts over units. Leading axes are batch axes."""

MOST_CHOICES = 10_000
"""Upper limit of `choice` and `target_choice`, far above the number of choices that a row can have."""


def _is_choice(value: Any) -> bool:
    return value is None or (NATURAL.accepts(value) and value < MOST_CHOICES)


_CHOICE = Kind("the number of a choice or null", _is_choice)
NEEDED = {
    "predicted": TEXT_OR_NULL,
    "target": Kind("a text or a list of texts", lambda value: TEXT.accepts(value) or TEXTS.accepts(value)),
    "choice": _CHOICE,
    "target_choice": _CHOICE,
    "right": Kind("true or false", lambda value: isinstance(value, bool)),
}
"""Kind of each value that a line of `predictions.jsonl` must have, by key."""


def unit_scores(lines: Sequence[PredictionLine], metrics: Sequence[str]) -> Float[np.ndarray, " units"]:
    """Return the score of each sampling unit; the mean over units is the task score.

    A sampling unit is a group of rows that a metric counts together, such as the answers to one question of MultiRC. A
    row without a group is a unit of its own. Units are in the order of their first line.

    Args:
        lines: Parsed lines of `predictions.jsonl`, at least one.
        metrics: Keys of `rpt.tasks.metrics.METRICS`; the task score is the mean of these metrics.

    Raises:
        ValueError: There is no line or no metric, a line lacks a key or has a value of a wrong kind, or a metric is
            unknown. The message names the line or the metric.
    """
    _check(lines, metrics)
    unit = _unit_of(lines)
    return np.asarray(np.mean([_jackknifed(*_counted(name, lines, unit)) for name in metrics], axis=0))


def _check(lines: Sequence[PredictionLine], metrics: Sequence[str]) -> None:
    if not lines or not metrics:
        raise ValueError("there is no line" if metrics else "the record has no metric")
    if unknown := [name for name in metrics if name not in METRICS]:
        raise ValueError(f"{unknown[0]}: no such metric. There are {', '.join(METRICS)}")
    for number, line in enumerate(lines, 1):
        missing, odd = problems_of(line, NEEDED)
        if missing:
            raise ValueError(f"line {number} has no {missing[0]}: an older version wrote it")
        if odd:
            raise ValueError(f"line {number}: {odd[0]}")


def _unit_of(lines: Sequence[PredictionLine]) -> UnitIndex:
    """Return the index of each row's sampling unit."""
    numbers: dict[object, int] = {}
    keys = [
        ("alone", row) if line.get("group") is None else ("group", str(line["group"])) for row, line in enumerate(lines)
    ]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def _jackknifed(counts: Counts, score: FromTotals) -> Float[np.ndarray, " units"]:
    """Return the value of each unit by the jackknife; the mean of the values is the score."""
    totals, num_units = counts.sum(axis=0), len(counts)
    whole = score(totals)
    if num_units == 1:
        return np.atleast_1d(whole)
    without = score(totals - counts)
    return np.asarray(whole + (num_units - 1) * (without.mean() - without))


def _counted(name: str, lines: Sequence[PredictionLine], unit: UnitIndex) -> tuple[Counts, FromTotals]:
    """Return a metric's counts in each unit, and the function that computes the metric from their totals."""
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


def _summed(counts: Float[np.ndarray, "rows counts"], unit: UnitIndex) -> Counts:
    """Sum the counts of rows to counts of units."""
    totals = np.zeros((unit.max() + 1, counts.shape[1]))
    np.add.at(totals, unit, counts)
    return totals


def _of_classes(lines: Sequence[PredictionLine]) -> Float[np.ndarray, "rows counts"]:
    """Return three blocks of columns (hit, false alarm, miss) with a column for each class: 1 or 0 in each row."""
    chosen, right = (
        np.array([-1 if line[key] is None else line[key] for line in lines]) for key in ("choice", "target_choice")
    )
    classes = np.arange(max(2, chosen.max() + 1, right.max() + 1))  # f1a needs the second class, which may not occur
    is_chosen, is_right = chosen[:, None] == classes, right[:, None] == classes
    return np.concatenate([is_chosen & is_right, is_chosen & ~is_right, ~is_chosen & is_right], axis=1).astype(float)


def _share(totals: Totals) -> Float[np.ndarray, "..."]:
    """Divide the sum of values (first count) by their number (second count)."""
    return np.asarray(totals[..., 0] / totals[..., 1])


def _f1(totals: Totals) -> Float[np.ndarray, "... classes"]:
    """Compute the F1 of each class; `nan` for a class that is neither chosen nor right in any row."""
    hits, alarms, misses = np.split(totals, 3, axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * hits / (2 * hits + alarms + misses))


def _f1_macro(totals: Totals) -> Float[np.ndarray, "..."]:
    return np.asarray(np.nanmean(_f1(totals), axis=-1))


def _f1a(totals: Totals) -> Float[np.ndarray, "..."]:
    return np.asarray(np.nan_to_num(_f1(totals)[..., 1], nan=1.0))


def _example(line: PredictionLine) -> Example:
    """Build an example with the right texts of a line. The F1 of words needs no other fields."""
    target = line["target"]
    several, only = ((), target) if isinstance(target, str) else (tuple(target), None)
    return Example(idx=0, fields={}, choices=(), target=None, answers=several, output=only)
