"""Write sentences on single numbers and comparisons. A sentence claims a difference only if the verdict is not open."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress

from rpt.console import several
from rpt.report.measure.comparisons import Pair
from rpt.report.measure.pace import Pace
from rpt.report.measure.robustness import Robustness
from rpt.report.read.run import POINTS, Axis
from rpt.report.say.words import listed, value_text
from rpt.stats.estimate import Estimate

VERDICTS = ("higher", "lower", "open")
CANNOT_TELL = "the data cannot tell"

MOST_UNTOLD = 2
"""If more comparisons along an axis are undecided, they share one sentence. Otherwise each has its own sentence."""

SCORES = {"higher": "scores higher", "lower": "scores lower"}
"""Verb phrase for each verdict on scores, with the first encoder as its subject."""

EPOCHS = {"fewer": "needs fewer epochs", "more": "needs more epochs"}
"""Verb phrase for each verdict on epochs, with the first encoder as its subject."""


def difference(pair: Pair, label: str = "") -> str:
    """Write a comparison as a sentence: difference, interval, p-value and, if it is undecided, the seeds needed.

    Args:
        pair: Comparison to write.
        label: Label of the compared axis, for a comparison of two values of an axis; unused otherwise.
    """
    estimate = pair.comparison.difference
    first, second = pair.first, pair.second
    if pair.where == "value":
        first, second = f"{first} with {label} {value_text(pair.first_value)}", f"with {value_text(pair.second_value)}"
    alike = "all else equal" if pair.num_points == 1 else f"averaged over {pair.num_points} settings of the other axes"
    where = {
        "sweep": f"averaged over {several(pair.num_points, 'point')} of the sweep",
        "tuned": "each at the setting with its highest held-out score",
        "point": "at an equal setting",
        "value": alike,
    }[pair.where]
    if not estimate.has_interval:
        if pair.where == "value":
            second = f"{pair.second} {second}"
        return f"{first} scores {_signed(estimate.value)} compared with {second}, {where}."
    numbers = _numbers(pair)
    if pair.verdict != "open":
        return f"{first} scores {pair.verdict} than {second}, {where}: {numbers}."
    opening = f"{CANNOT_TELL.capitalize()} whether {first} scores higher than {second}"
    return f"{opening}, {where}: {numbers}.{_seeds_needed(pair)}"


def differences(pairs: Sequence[Pair], label: str) -> Iterator[str]:
    """Yield a sentence for each comparison of two values of an axis. Many undecided comparisons share one sentence.

    Args:
        pairs: Comparisons of two values of the axis.
        label: Label of the axis.
    """
    is_untold = [pair.verdict == "open" and pair.comparison.difference.has_interval for pair in pairs]
    untold = [*compress(pairs, is_untold)]
    are_listed = len(untold) <= MOST_UNTOLD
    for pair, is_open in zip(pairs, is_untold, strict=True):
        if are_listed or not is_open:
            yield difference(pair, label)
    if not are_listed:
        largest = max(untold, key=lambda pair: abs(pair.comparison.difference.value))
        first, second = value_text(largest.first_value), value_text(largest.second_value)
        numbers = _numbers(largest)
        yield (
            f"In {len(untold)} comparisons along {label}, {CANNOT_TELL} which value scores higher. The largest of them "
            f"is {largest.first} with {first} compared with {second}: {numbers}. The table of comparisons along each "
            "axis lists all."
        )


def along(label: str, pairs: Sequence[Pair]) -> str:
    """Write which values of an axis score significantly higher than other values, for each encoder.

    Args:
        label: Label of the axis.
        pairs: Comparisons of two values of the axis.
    """
    tasks = len({pair.task for pair in pairs})
    supported = [
        f"{_values(pair)}{f' on {pair.task}' if tasks > 1 else ''}" for pair in pairs if pair.verdict != "open"
    ]
    count = several(len(pairs), "difference")
    found = f"{len(supported)} of {count}: {listed(supported)}" if supported else f"none of {count}"
    return f"Along {label}, the data support {found}."


def _numbers(pair: Pair) -> str:
    """Return difference, interval and p-value of a comparison."""
    estimate = pair.comparison.difference
    return f"{_signed(estimate.value)} {brackets(estimate, POINTS, 1)}, {_p(pair)} after Holm's correction"


def _values(pair: Pair) -> str:
    """Return the values of a comparison, higher score first: `plain with 0.5 above plain with null`."""
    first, second = (f"{pair.first} with {value_text(value)}" for value in (pair.first_value, pair.second_value))
    return f"{first} above {second}" if pair.verdict == "higher" else f"{second} above {first}"


def worst_cases(axis: Axis, rows: Sequence[Robustness]) -> str:
    """Write each encoder's score at its worst point. These scores are not tested, so no difference is claimed."""
    return f"Score at the worst {axis.label}: {_each({row.method: row.worst for row in rows})}."


def tuned_at(axis: Axis, rows: Sequence[Robustness]) -> str:
    """Write each encoder's score at the value of the axis that the held-out rows choose."""
    parts = [f"{row.method} {interval(row.tuned, POINTS, 1)} at {value_text(row.tuned_at)}" for row in rows]
    return f"Score at the {axis.label} with the highest held-out score: {', '.join(parts)}."


def spreads(axis: Axis | None, rows: Sequence[Robustness]) -> Iterator[str]:
    """Yield sentences on each encoder's spread of scores over the options of an axis without order, and over seeds."""
    within = {row.method: row.within for row in rows if row.within is not None}
    if axis is not None and within:
        apart = {row.method: row.apart for row in rows if row.apart is not None}
        yield f"Spread over {axis.label}, the best minus the worst, in points: {_each(apart)}."
        yield f"Standard deviation over seeds of one {axis.label}, in points: {_each(within)}."
        return
    spread = {row.method: row.spread for row in rows if row.spread.is_known}
    if spread:
        yield f"Standard deviation over seeds, in points: {_each(spread)}."


def failures(rows: Sequence[Robustness]) -> str:
    """Write how many runs of each encoder failed."""
    parts = [f"{row.num_failed} of {len(row.curve.runs)} of {row.method}" for row in rows]
    return f"Runs that diverged or scored at or below the majority answer: {', '.join(parts)}."


def above_majority(rows: Sequence[Robustness], pairs: Sequence[Pair]) -> str:
    """Write which encoders, at the setting that the held-out rows choose, score above or below the majority answer.

    With fewer than three seeds, the sentence gives the differences without a claim.

    Args:
        rows: Scores of a task, one entry for each encoder.
        pairs: Comparisons of each encoder with the majority answer.
    """
    names = {verdict: [pair.first for pair in pairs if pair.verdict == verdict] for verdict in VERDICTS}
    line = f"the majority answer's {POINTS * rows[0].curve.points[0].majority:.1f}"
    if not all(pair.comparison.difference.has_interval for pair in pairs):
        gaps = [f"{pair.first} {interval(pair.comparison.difference, POINTS, 1, '+')}" for pair in pairs]
        return f"Difference in points from {line}, tuned on the held-out rows: {', '.join(gaps)}."
    sides = (("higher", "above"), ("lower", "below"))
    parts = [f"{listed(names[verdict])} scored {side} {line}" for verdict, side in sides if names[verdict]]
    if names["open"]:
        parts.append(f"{CANNOT_TELL} whether {listed(names['open'], 'or')} scored above {line}")
    return f"Tuned on the held-out rows, {'; '.join(parts)}."


def against_baseline(name: str, pairs: Sequence[Pair]) -> str:
    """Write whether encoders, tuned on the held-out rows, score higher than a baseline."""
    gaps = [f"{pair.first} {interval(pair.comparison.difference, POINTS, 1, '+')}" for pair in pairs]
    numbers, adjusted = _with_p(gaps, pairs)
    if not adjusted:
        return f"Difference in points from {name}, each tuned on the held-out rows: {numbers}."
    names = {verdict: [pair.first for pair in pairs if pair.verdict == verdict] for verdict in VERDICTS}
    words = {"higher": f"scores higher than {name}", "lower": f"scores lower than {name}"}
    parts = [f"{encoder} {words[verdict]}" for verdict in VERDICTS[:2] for encoder in names[verdict]]
    if names["open"]:
        parts.append(f"{CANNOT_TELL} whether {listed(names['open'], 'or')} scores higher than {name}")
    opening = f"Difference in points from {name}, each tuned on the held-out rows{adjusted}"
    return f"{opening}: {numbers}; {'; '.join(parts)}."


def how_soon(leader: str, paces: Sequence[Pace]) -> str:
    """Write whether the leading encoder needs fewer epochs than each other encoder."""
    gaps = [f"{pace.second} {interval(pace.comparison.difference, 1.0, 1, '+')}" for pace in paces]
    numbers, adjusted = _with_p(gaps, paces)
    what = f"Difference in epochs until both reach the same held-out score, {leader} minus the other{adjusted}"
    return f"{what}: {numbers}; {verdicts(leader, paces, EPOCHS)}." if adjusted else f"{what}: {numbers}."


def verdicts(leader: str, comparisons: Sequence[Pair | Pace], words: Mapping[str, str]) -> str:
    """Write how the leading encoder compares with the others, which are grouped by verdict.

    Args:
        leader: Name of the encoder that is the first of every comparison.
        comparisons: Comparisons on a single task.
        words: Verb phrase for each verdict but `open` (undecided), which is written as "whether" and the first phrase.
    """
    names = {
        verdict: [comparison.second for comparison in comparisons if comparison.verdict == verdict]
        for verdict in (*words, "open")
    }
    parts = [f"{leader} {words[verdict]} than {listed(names[verdict])}" for verdict in words if names[verdict]]
    if names["open"]:
        phrase = next(iter(words.values()))
        parts.append(f"{CANNOT_TELL} whether {leader} {phrase} than {listed(names['open'], 'or')}")
    return "; ".join(parts)


def interval(estimate: Estimate, scale: float, decimals: int, sign: str = "") -> str:
    """Format an estimate with its interval, as `61.7 [52.5, 70.0]`; without brackets if it has no interval."""
    value = f"{scale * estimate.value:{sign}z.{decimals}f}"
    return " ".join(filter(None, (value, brackets(estimate, scale, decimals))))


def brackets(estimate: Estimate, scale: float, decimals: int) -> str:
    """Format the interval of an estimate, such as `[52.5, 70.0]`; empty if it has no interval."""
    return (
        f"[{scale * estimate.low:z.{decimals}f}, {scale * estimate.high:z.{decimals}f}]"
        if estimate.has_interval
        else ""
    )


def _each(estimates: Mapping[str, Estimate]) -> str:
    """List each encoder with its estimate in points."""
    return ", ".join(f"{method} {interval(estimate, POINTS, 1)}" for method, estimate in estimates.items())


def _with_p(gaps: Sequence[str], comparisons: Sequence[Pair | Pace]) -> tuple[str, str]:
    """Return the differences with their p-values, and the phrase that announces p-values.

    Without an interval for every comparison, p-values are left out and the phrase is empty.
    """
    if not all(comparison.comparison.difference.has_interval for comparison in comparisons):
        return ", ".join(gaps), ""
    return ", ".join(
        f"{gap} ({_p(comparison)})" for gap, comparison in zip(gaps, comparisons, strict=True)
    ), ", p after Holm's correction"


def _seeds_needed(pair: Pair) -> str:
    if pair.seeds_needed is None:
        return ""
    number = f"about {pair.seeds_needed}" if math.isfinite(pair.seeds_needed) else "no number of"
    return (
        f" Estimated from these runs, {number} seeds would show a difference of one point on "
        f"{several(pair.num_units, 'example')}."
    )


def _p(comparison: Pair | Pace) -> str:
    return f"p {comparison.p_holm:.3f}" if comparison.p_holm >= 0.001 else "p below 0.001"


def _signed(value: float) -> str:
    return f"{POINTS * value:+z.1f} points"
