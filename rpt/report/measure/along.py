"""Compare two values of an axis, such as two learning rates, for the same encoder.

The score at a value is averaged over all settings of the other axes that have runs at both values, except the axes of
`NOT_AVERAGED`: values are compared for each backbone, and for each unit, position and layer of the prompt. On a numeric
axis, every value is compared with the smallest value. On any other axis, all pairs of values are compared; with more
than `MOST_VALUES` values, each value is compared with the first value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from rpt.report.measure.comparisons import MOST_VALUES, Pair, pair_of
from rpt.report.read.axes import NOT_AVERAGED
from rpt.report.read.frame import frame_of, groups
from rpt.report.read.run import Axis, Value
from rpt.report.read.series import StudyCurve
from rpt.report.read.study import Study

RATES = ("lr", "encoder_lr", "head_lr")
"""Keys of learning rates. Most studies vary them to measure sensitivity, not to compare their values."""


def compare_values(study: Study) -> list[Pair]:
    """Compare the values of every axis for each task and encoder; the p-values are not adjusted."""
    pairs: list[Pair] = []
    for axis in study.axes:
        curves = study.curves_along(axis)
        settings = [{"task": curve.task, "method": curve.method, **kept_apart(curve.setting)} for curve in curves]
        members = groups(frame_of(curves, settings), ("task", "method", *NOT_AVERAGED))
        pairs += [pair for alike in members for pair in _of_curves(axis, alike)]
    return pairs


def kept_apart(setting: Mapping[str, Value]) -> dict[str, Value]:
    """Return the part of a setting over which no score is averaged: its values on the axes of `NOT_AVERAGED`."""
    return {key: value for key, value in setting.items() if key in NOT_AVERAGED}


def asked_axes(study: Study) -> list[Axis]:
    """Return the axes whose values the report's answer compares: all axes except learning rates.

    If a study has a single encoder and all its axes are learning rates, the answer compares their values.
    """
    own = [axis for axis in study.axes if axis.key not in RATES]
    return own or (list(study.axes) if len(study.methods) == 1 else [])


def asked_pairs(study: Study, pairs: Sequence[Pair]) -> list[Pair]:
    """Select the comparisons that support the report's answer to the study's question.

    Along a numeric axis, such as the learning rate, only the comparison of the largest with the smallest value is
    selected. Along any other axis of the answer, all comparisons are selected.

    Args:
        study: Study that the comparisons belong to.
        pairs: Comparisons of values, from `compare_values`.
    """
    axis_of = {axis.key: axis for axis in asked_axes(study)}
    last = {_curve_of(pair): pair for pair in pairs if pair.axis in axis_of}
    return [
        pair
        for pair in pairs
        if pair.axis in axis_of and (not axis_of[pair.axis].is_numeric or pair == last[_curve_of(pair)])
    ]


def _curve_of(pair: Pair) -> tuple[object, ...]:
    """Return what the comparisons of one encoder along one axis have in common."""
    return (pair.task, pair.first, pair.axis, *sorted(kept_apart(pair.setting).items()))


def _of_curves(axis: Axis, curves: Sequence[StudyCurve]) -> Iterator[Pair]:
    for value, other_value in _couples(axis, curves):
        pairs = [(curve, curve.at_value(value), curve.at_value(other_value)) for curve in curves]
        both = [(curve, first, second) for curve, first, second in pairs if first is not None and second is not None]
        if not both:
            continue
        curve, count = both[0][0], curves[0].count
        seeds = sorted(set.intersection(*(set(point.seeds) for _, *points in both for point in points)))
        if seeds:
            first = np.mean([point.units(count, seeds) for _, point, _ in both], axis=0)
            second = np.mean([point.units(count, seeds) for _, _, point in both], axis=0)
            setting = curve.setting if len(both) == 1 else kept_apart(curve.setting)
            pair = pair_of(curve, curve.method, "value", setting, (first, second))
            yield replace(pair, num_points=len(both), axis=axis.key, first_value=value, second_value=other_value)


def _couples(axis: Axis, curves: Sequence[StudyCurve]) -> list[tuple[Value, Value]]:
    values = [value for value in axis.values if any(curve.at_value(value) is not None for curve in curves)]
    if axis.is_numeric or len(values) > MOST_VALUES:
        return [(value, values[0]) for value in values[1:]]
    return [(later, earlier) for earlier, later in combinations(values, 2)]
