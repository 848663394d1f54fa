"""Sentences on single numbers, which claim no more than their intervals and adjusted p carry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rpt.console import several
from rpt.report.columns import POINTS
from rpt.report.comparisons import Pair
from rpt.report.numbers import Robustness
from rpt.report.pace import Pace
from rpt.report.study import Axis
from rpt.report.words import listed, value_text
from rpt.stats.estimate import Estimate

VERDICTS = ("higher", "lower", "open")
CANNOT_TELL = "the data cannot tell"

SCORES = {"higher": "scores higher", "lower": "scores lower"}
"""What a verdict on scores says of the first encoder."""

EPOCHS = {"fewer": "needs fewer epochs", "more": "needs more epochs"}
"""Likewise one on how soon it is trained."""


def difference(pair: Pair, label: str = "") -> str:
    """One comparison: how much, how sure, and how many seeds it would take where the data cannot tell.

    Args:
        pair: The comparison.
        label: Label of the axis, where its values are compared.
    """
    found = pair.comparison.difference
    ours, theirs = pair.ours, pair.theirs
    if pair.where == "value":
        ours, theirs = f"{ours} with {label} {value_text(pair.our_value)}", f"with {value_text(pair.their_value)}"
    alike = "all else equal" if pair.num_points == 1 else f"averaged over {pair.num_points} settings of the rest"
    where = {
        "sweep": f"averaged over {several(pair.num_points, 'point')} of the sweep",
        "tuned": "at the setting that the held-out rows choose",
        "point": "at an equal setting",
        "value": alike,
    }[pair.where]
    if not found.has_interval:
        return f"{ours} scores {_signed(found.value)} against {theirs}, {where}."
    numbers = f"{_signed(found.value)} [{POINTS * found.low:.1f}, {POINTS * found.high:.1f}], {_p(pair)} after Holm"
    if pair.verdict != "open":
        return f"{ours} scores {pair.verdict} than {theirs}, {where}: {numbers}."
    return f"Whether {ours} scores higher than {theirs}, {where}, {CANNOT_TELL}: {numbers}.{_seeds_needed(pair)}"


def along(label: str, pairs: Sequence[Pair]) -> str:
    """Say what an axis does to scores: which of its values is higher for which encoder.

    Args:
        label: Label of the axis.
        pairs: Comparisons of its values.
    """
    tasks = len({pair.task for pair in pairs})
    told = [f"{_values(pair)}{f' on {pair.task}' if tasks > 1 else ''}" for pair in pairs if pair.verdict != "open"]
    count = several(len(pairs), "difference")
    return f"Along {label}, of {count} the data support {listed(told) or 'none'}."


def _values(pair: Pair) -> str:
    """Write `plain with 0.5 above plain with null`."""
    ours, theirs = (f"{pair.ours} with {value_text(value)}" for value in (pair.our_value, pair.their_value))
    return f"{ours} above {theirs}" if pair.verdict == "higher" else f"{theirs} above {ours}"


def worst_cases(axis: Axis, rows: Sequence[Robustness]) -> str:
    """Say what each encoder scores at its worst point; no claim, since a worst point is not compared by a test."""
    return f"Score at the worst {axis.label}: {_each({row.method: row.worst for row in rows})}."


def tuned_at(axis: Axis, rows: Sequence[Robustness]) -> str:
    """What each encoder scores where the held-out rows put it."""
    parts = [f"{row.method} {interval(row.tuned, POINTS, 1)} at {value_text(row.tuned_at)}" for row in rows]
    return f"Score at the {axis.label} that the held-out rows choose: {', '.join(parts)}."


def spreads(axis: Axis | None, rows: Sequence[Robustness]) -> Iterator[str]:
    """How much the options of an axis without order move each encoder's score, and how much the seed alone does."""
    within = {row.method: row.within for row in rows if row.within is not None}
    if axis is not None and within:
        apart = {row.method: row.apart for row in rows if row.apart is not None}
        yield f"Spread over {axis.label}, the best less the worst, in points: {_each(apart)}."
        yield f"Standard deviation over seeds of one {axis.label}, in points: {_each(within)}."
        return
    spread = {row.method: row.spread for row in rows if row.spread.value == row.spread.value}
    if spread:
        yield f"Standard deviation over seeds, in points: {_each(spread)}."


def failures(rows: Sequence[Robustness]) -> str:
    """How many runs of each encoder failed."""
    parts = [f"{row.num_failed} of {len(row.curve.runs)} of {row.method}" for row in rows]
    return f"Runs that diverged or scored at or below the majority answer: {', '.join(parts)}."


def above_majority(rows: Sequence[Robustness], pairs: Sequence[Pair]) -> str:
    """Say which encoders, at the setting that the held-out rows choose, score more or less than the majority answer.

    Below three seeds the sentence has the scores alone.

    Args:
        rows: One for each encoder of a task.
        pairs: Each encoder against the majority answer.
    """
    names = {verdict: [pair.ours for pair in pairs if pair.verdict == verdict] for verdict in VERDICTS}
    line = f"the majority answer's {POINTS * rows[0].curve.points[0].majority:.1f}"
    if not all(pair.comparison.difference.has_interval for pair in pairs):
        gaps = [f"{pair.ours} {interval(pair.comparison.difference, POINTS, 1, '+')}" for pair in pairs]
        return f"Points more than {line}, tuned on the held-out rows: {', '.join(gaps)}."
    sides = (("higher", "above"), ("lower", "below"))
    parts = [f"{listed(names[verdict])} scored {side} {line}" for verdict, side in sides if names[verdict]]
    if names["open"]:
        parts.append(f"whether {listed(names['open'])} did better than {line}, {CANNOT_TELL}")
    return f"Tuned on the held-out rows, {'; '.join(parts)}."


def against_baseline(name: str, pairs: Sequence[Pair]) -> str:
    """Say whether encoders, tuned on the held-out rows, beat a baseline."""
    gaps = [f"{pair.ours} {interval(pair.comparison.difference, POINTS, 1, '+')}" for pair in pairs]
    numbers, adjusted = _with_p(gaps, pairs)
    if not adjusted:
        return f"Points more than {name}, each tuned on the held-out rows: {numbers}."
    names = {verdict: [pair.ours for pair in pairs if pair.verdict == verdict] for verdict in VERDICTS}
    words = {"higher": f"beats {name}", "lower": f"does not beat {name}, it scores lower"}
    parts = [f"{one} {words[verdict]}" for verdict in VERDICTS[:2] for one in names[verdict]]
    if names["open"]:
        parts.append(f"whether {listed(names['open'], 'or')} beats it, {CANNOT_TELL}")
    return f"Points more than {name}, each tuned on the held-out rows{adjusted}: {numbers}; {'; '.join(parts)}."


def how_soon(leader: str, found: Sequence[Pace]) -> str:
    """Whether the leading encoder is trained sooner than each other."""
    gaps = [f"{one.theirs} {interval(one.comparison.difference, 1.0, 1, '+')}" for one in found]
    numbers, adjusted = _with_p(gaps, found)
    what = f"Epochs until both have the same held-out score, {leader} less the other{adjusted}"
    return f"{what}: {numbers}; {verdicts(leader, found, EPOCHS)}." if adjusted else f"{what}: {numbers}."


def verdicts(leader: str, found: Sequence[Pair | Pace], words: Mapping[str, str]) -> str:
    """Than which others the leading encoder is what a verdict says, and of which the data cannot tell.

    Args:
        leader: The encoder that comes first in all of them.
        found: Of one task.
        words: What each verdict says, the one in question first.
    """
    names = {verdict: [one.theirs for one in found if one.verdict == verdict] for verdict in (*words, "open")}
    parts = [f"{leader} {words[verdict]} than {listed(names[verdict])}" for verdict in words if names[verdict]]
    if names["open"]:
        asked = next(iter(words.values()))
        parts.append(f"whether {leader} {asked} than {listed(names['open'], 'or')}, {CANNOT_TELL}")
    return "; ".join(parts)


def interval(found: Estimate, scale: float, decimals: int, sign: str = "") -> str:
    """A number with its interval, where it has one: `61.7 [52.5, 70.0]`."""
    value = f"{scale * found.value:{sign}.{decimals}f}"
    if not found.has_interval:
        return value
    return f"{value} [{scale * found.low:.{decimals}f}, {scale * found.high:.{decimals}f}]"


def _each(found: Mapping[str, Estimate]) -> str:
    """A number in points for each encoder."""
    return ", ".join(f"{method} {interval(one, POINTS, 1)}" for method, one in found.items())


def _with_p(gaps: Sequence[str], found: Sequence[Pair | Pace]) -> tuple[str, str]:
    """Differences with their p where all have one, and what then is said of it."""
    if not all(one.comparison.difference.has_interval for one in found):
        return ", ".join(gaps), ""
    return ", ".join(f"{gap} ({_p(one)})" for gap, one in zip(gaps, found, strict=True)), ", p after Holm"


def _seeds_needed(pair: Pair) -> str:
    if pair.seeds_needed is None:
        return ""
    number = f"about {pair.seeds_needed}" if math.isfinite(pair.seeds_needed) else "no number of"
    return (
        f" By these runs {number} seeds would show a difference of one point on {several(pair.num_units, 'example')}."
    )


def _p(found: Pair | Pace) -> str:
    return f"p {found.p_holm:.3f}" if found.p_holm >= 0.001 else "p below 0.001"


def _signed(value: float) -> str:
    return f"{round(POINTS * value, 1) + 0.0:+.1f} points"  # never minus zero
