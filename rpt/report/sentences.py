"""Sentences on single numbers, which claim no more than their intervals and adjusted p carry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from rpt.console import several
from rpt.report.columns import POINTS
from rpt.report.comparisons import Pair
from rpt.report.numbers import SHARE, Robustness
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
        label: Of the main axis, where its values are compared.
    """
    found = pair.comparison.difference
    ours, theirs = pair.ours, pair.theirs
    if pair.where == "value":
        ours, theirs = f"{ours} with {label} {value_text(pair.our_value)}", f"with {value_text(pair.their_value)}"
    where = {
        "sweep": f"averaged over {several(pair.num_points, 'point')} of the sweep",
        "tuned": "at the setting that the held-out rows choose",
        "point": "at an equal setting",
        "value": "all else equal",
    }[pair.where]
    if not found.has_interval:
        gap = f"{ours} scores {_signed(found.value)} against {theirs}, {where}"
        return f"{gap}, with {several(found.seeds, 'seed')}: {CANNOT_TELL}, because nothing is known of other seeds."
    numbers = f"{_signed(found.value)} [{POINTS * found.low:.1f}, {POINTS * found.high:.1f}], {_p(pair)} after Holm"
    if pair.verdict != "open":
        return f"{ours} scores {pair.verdict} than {theirs}, {where}: {numbers}."
    return f"Whether {ours} scores higher than {theirs}, {where}, {CANNOT_TELL}: {numbers}.{_seeds_needed(pair)}"


def windows(axis: Axis, rows: Sequence[Robustness], leader: str) -> Iterator[str]:
    """How many decades of the axis each encoder trains in, and whether the leading one's are more."""
    wide = [row for row in rows if row.window is not None]
    if not wide:
        return
    parts = []
    for row in wide:
        assert row.window is not None
        least = "at least " if row.window.open_low or row.window.open_high else ""
        parts.append(f"{row.method} over {least}{interval(row.window.width, 1.0, 2)}")
    yield f"Decades of the {axis.label} within one point of the best: {', '.join(parts)}."
    widths = {row.method: row.window.width for row in wide if row.window is not None}
    yield from _contrast(widths, leader, "window", "wider", "narrower")


def reaches(axis: Axis, rows: Sequence[Robustness]) -> Iterator[str]:
    """The smallest value that is nearly as good as the best."""
    parts = [f"{row.method} {interval(row.reach, 1.0, 0)}" for row in rows if row.reach is not None]
    if parts:
        yield f"Smallest {axis.label} that reaches {SHARE:.0%} of the best score: {', '.join(parts)}."


def worst_cases(axis: Axis, rows: Sequence[Robustness], leader: str) -> Iterator[str]:
    """What each encoder scores at its worst point, and whether the leading one scores more."""
    yield f"Score at the worst {axis.label}: {_each({row.method: row.worst for row in rows})}."
    yield from _contrast({row.method: row.worst for row in rows}, leader, "worst case", "higher", "lower")


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
    yield f"Standard deviation over seeds, in points: {_each(spread)}." if spread else "One seed tells no spread."


def failures(rows: Sequence[Robustness]) -> str:
    """How many runs of each encoder failed."""
    parts = [f"{row.num_failed} of {len(row.curve.runs)} of {row.method}" for row in rows]
    return f"Runs that diverged or scored at or below the majority answer: {', '.join(parts)}."


def above_majority(rows: Sequence[Robustness]) -> str:
    """Which encoders, at the setting that the held-out rows choose, score more or less than the majority answer."""
    majority = rows[0].curve.points[0].majority
    above = [row.method for row in rows if row.tuned.low > majority]
    below = [row.method for row in rows if row.tuned.high < majority]
    others = [row.method for row in rows if row.method not in (*above, *below)]
    line = f"the majority answer's {POINTS * majority:.1f}"
    parts = [f"{listed(names)} scored {side} {line}" for names, side in ((above, "above"), (below, "below")) if names]
    if others:
        parts.append(f"whether {listed(others)} did better than {line}, {CANNOT_TELL}")
    return f"Tuned on the held-out rows, {'; '.join(parts)}."


def against_baseline(name: str, pairs: Sequence[Pair]) -> str:
    """Which encoders, tuned on the held-out rows, beat a baseline."""
    gaps = [f"{pair.ours} {interval(pair.comparison.difference, POINTS, 1, '+')}" for pair in pairs]
    numbers, adjusted = _with_p(gaps, pairs)
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
    return f"{what}: {numbers}; {verdicts(leader, found, EPOCHS)}."


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


def _contrast(found: dict[str, Estimate], leader: str, what: str, more: str, less: str) -> Iterator[str]:
    """Whether the leading encoder's interval lies beyond each other's."""
    ours = found.get(leader)
    others = {name: one for name, one in found.items() if name != leader}
    if ours is None or not others or not all(one.has_interval for one in found.values()):
        return
    above = [name for name, one in others.items() if ours.low > one.high]
    below = [name for name, one in others.items() if ours.high < one.low]
    open_ones = [name for name in others if name not in above and name not in below]
    parts = []
    if above:
        parts.append(f"is {more} than that of {listed(above)}")
    if below:
        parts.append(f"is {less} than that of {listed(below)}")
    if open_ones:
        parts.append(f"overlaps with that of {listed(open_ones)}, where {CANNOT_TELL}")
    yield f"The {what} of {leader} {'; it '.join(parts)}."


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
