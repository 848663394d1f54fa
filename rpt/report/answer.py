"""The answer to a study's question, in words that follow from its numbers alone.

A claim is made where the numbers carry it: of a difference where its interval leaves out 0 and its p, adjusted by Holm,
is below 0.05; of windows, worst cases and majority where the intervals leave each other out. Else the words are that
the data cannot tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rpt.console import several
from rpt.report.columns import POINTS
from rpt.report.comparisons import LEADER, Pair
from rpt.report.numbers import REACHED, SHARE, Numbers, Robustness
from rpt.report.study import Axis, Study
from rpt.report.words import SAMPLE, at_text, listed, value_text
from rpt.stats.estimate import Estimate

VERDICTS = ("higher", "lower", "open")
CANNOT_TELL = "the data cannot tell"


@dataclass(frozen=True)
class Paragraph:
    """A part of the answer.

    Attributes:
        heading: What it is about; empty for the whole study.
        sentences: At least one.
    """

    heading: str
    sentences: Sequence[str]

    def __str__(self) -> str:
        text = " ".join(self.sentences)
        return f"{self.heading}: {text}" if self.heading else text


def answer(study: Study, numbers: Numbers) -> list[Paragraph]:
    """The answer: over all tasks in short, then for each task and setting of the other axes."""
    leader = LEADER if LEADER in study.methods else study.methods[0]
    main = numbers.sweep or numbers.by_point or numbers.tuned
    pairs = [pair for pair in main if pair.ours == leader and pair.theirs in study.methods]
    paragraphs = [Paragraph("", [overall(leader, pairs)])] if pairs else []
    for rows in _grouped(numbers.robustness):
        first = rows[0]
        pairs = [pair for pair in (*numbers.sweep, *numbers.tuned, *numbers.by_value) if _is_of(pair, first)]
        place = at_text(study.axes, first.curve.at)
        heading = f"{first.task}, {place}" if place else first.task
        paragraphs.append(Paragraph(heading, [*_sentences(study, leader, rows, pairs)]))
    if study.is_sample:
        paragraphs.append(Paragraph("", [SAMPLE, "The rows are made by this project."]))
    return paragraphs


def overall(leader: str, pairs: Sequence[Pair]) -> str:
    """Against each other encoder: whether the leading one is higher, or on how many tasks."""
    families = {pair.theirs: [other for other in pairs if other.theirs == pair.theirs] for pair in pairs}
    if all(len(family) == 1 for family in families.values()):
        return _verdicts(leader, pairs)
    return " ".join(_counted(leader, other, family) for other, family in families.items())


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
    seeds = f" About {pair.seeds_needed} seeds would show a difference of one point." if pair.seeds_needed else ""
    return f"Whether {ours} scores higher than {theirs}, {where}, {CANNOT_TELL}: {numbers}.{seeds}"


def windows(axis: Axis, rows: Sequence[Robustness], leader: str) -> Iterator[str]:
    """How many decades of the axis each encoder trains in, and whether the leading one's are more."""
    wide = [row for row in rows if row.window is not None]
    if not wide:
        return
    parts = []
    for row in wide:
        assert row.window is not None
        least = "at least " if row.window.open_low or row.window.open_high else ""
        parts.append(f"{row.method} over {least}{_interval(row.window.width, 1.0, 2)}")
    yield f"Decades of the {axis.label} within one point of the best: {', '.join(parts)}."
    widths = {row.method: row.window.width for row in wide if row.window is not None}
    yield from _contrast(widths, leader, "window", "wider", "narrower")


def reaches(axis: Axis, rows: Sequence[Robustness]) -> Iterator[str]:
    """The smallest value that is nearly as good as the best."""
    parts = [f"{row.method} {_interval(row.reach, 1.0, 0)}" for row in rows if row.reach is not None]
    if parts:
        yield f"Smallest {axis.label} that reaches {SHARE:.0%} of the best score: {', '.join(parts)}."


def worst_cases(axis: Axis, rows: Sequence[Robustness], leader: str) -> Iterator[str]:
    """What each encoder scores at its worst point, and whether the leading one scores more."""
    parts = [f"{row.method} {_interval(row.worst, POINTS, 1)}" for row in rows]
    yield f"Score at the worst {axis.label}: {', '.join(parts)}."
    yield from _contrast({row.method: row.worst for row in rows}, leader, "worst case", "higher", "lower")


def spreads(rows: Sequence[Robustness]) -> str:
    """How much the seed alone moves each encoder's score."""
    parts = [f"{row.method} {POINTS * row.spread.value:.1f}" for row in rows if row.spread.value == row.spread.value]
    return f"Standard deviation over seeds, in points: {', '.join(parts)}." if parts else "One seed tells no spread."


def failures(rows: Sequence[Robustness]) -> str:
    """How many runs of each encoder failed."""
    parts = [f"{row.num_failed} of {len(row.curve.runs)} of {row.method}" for row in rows]
    return f"Runs that diverged or scored at or below the majority answer: {', '.join(parts)}."


def above_majority(rows: Sequence[Robustness]) -> str:
    """Which encoders, at the setting that the held-out rows choose, score more than the majority answer."""
    above = [row.method for row in rows if row.tuned.low > row.curve.points[0].majority]
    others = [row.method for row in rows if row.method not in above]
    line = f"the majority answer's {POINTS * rows[0].curve.points[0].majority:.1f}"
    parts = [f"{listed(above)} scored above {line}"] if above else []
    if others:
        parts.append(f"whether {listed(others)} did better than {line}, {CANNOT_TELL}")
    return f"Tuned on the held-out rows, {'; '.join(parts)}."


def against_baseline(name: str, pairs: Sequence[Pair]) -> str:
    """Which encoders, tuned on the held-out rows, beat a baseline."""
    gaps = [f"{pair.ours} {_interval(pair.comparison.difference, POINTS, 1, '+')}" for pair in pairs]
    has_p = all(pair.comparison.difference.has_interval for pair in pairs)
    numbers = ", ".join(f"{gap} ({_p(pair)})" if has_p else gap for gap, pair in zip(gaps, pairs, strict=True))
    adjusted = ", p after Holm" if has_p else ""
    names = {verdict: [pair.ours for pair in pairs if pair.verdict == verdict] for verdict in VERDICTS}
    words = {"higher": f"beats {name}", "lower": f"does not beat {name}, it scores lower"}
    parts = [f"{one} {words[verdict]}" for verdict in VERDICTS[:2] for one in names[verdict]]
    if names["open"]:
        parts.append(f"whether {listed(names['open'], 'or')} beats it, {CANNOT_TELL}")
    return f"Points more than {name}, each tuned on the held-out rows{adjusted}: {numbers}; {'; '.join(parts)}."


def _sentences(study: Study, leader: str, rows: Sequence[Robustness], pairs: Sequence[Pair]) -> Iterator[str]:
    axis = study.axes[0] if study.axes else None
    baselines = dict.fromkeys(run.method for run in study.baselines)
    main = "tuned"
    if axis is not None and any(len(row.curve.points) > 1 for row in rows):
        main = "sweep"
        yield from reaches(axis, rows) if axis.key in REACHED else windows(axis, rows, leader)
    for pair in pairs:
        if pair.where == "value" or (pair.where == main and pair.ours == leader and pair.theirs not in baselines):
            yield difference(pair, axis.label if axis is not None else "")
    if axis is not None and main == "sweep":
        yield from worst_cases(axis, rows, leader)
        yield from _tuned_at(axis, rows)
    yield spreads(rows)
    yield failures(rows)
    yield above_majority(rows)
    for name in baselines:
        family = [pair for pair in pairs if pair.where == "tuned" and pair.theirs == name]
        if family:
            yield against_baseline(name, family)


def _tuned_at(axis: Axis, rows: Sequence[Robustness]) -> Iterator[str]:
    parts = [f"{row.method} {_interval(row.tuned, POINTS, 1)} at {value_text(row.tuned_at)}" for row in rows]
    yield f"Score at the {axis.label} that the held-out rows choose: {', '.join(parts)}."


def _verdicts(leader: str, pairs: Sequence[Pair]) -> str:
    """Of one task: than which encoders the leading one is higher, than which lower."""
    names = {verdict: [pair.theirs for pair in pairs if pair.verdict == verdict] for verdict in VERDICTS}
    parts = [f"{leader} scores {verdict} than {listed(names[verdict])}" for verdict in VERDICTS[:2] if names[verdict]]
    if names["open"]:
        parts.append(f"whether {leader} scores higher than {listed(names['open'], 'or')}, {CANNOT_TELL}")
    where = {"sweep": "Averaged over the sweep", "tuned": "Each tuned on the held-out rows"}
    return f"{where.get(pairs[0].where, 'At equal settings')}, {'; '.join(parts)}."


def _counted(leader: str, other: str, pairs: Sequence[Pair]) -> str:
    """Of several tasks or settings: in how many the leading encoder is higher, lower, or not told apart."""
    counts = Counter[str](pair.verdict for pair in pairs)
    tasks = len({pair.task for pair in pairs})
    of = several(tasks, "task") if tasks == len(pairs) else f"{len(pairs)} comparisons"
    words = {"higher": f"{leader} scores higher", "lower": f"{leader} scores lower", "open": CANNOT_TELL}
    parts = [f"{words[verdict]} in {counts[verdict]}" for verdict in VERDICTS if counts[verdict]]
    return f"Against {other}, of {of}: {', '.join(parts)}."


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


def _grouped(rows: Sequence[Robustness]) -> list[list[Robustness]]:
    """Rows of the same task and the same values on the axes that all of them have."""
    groups: list[list[Robustness]] = []
    for row in rows:
        for group in groups:
            if group[0].task == row.task and group[0].curve.at == row.curve.at:
                group.append(row)
                break
        else:
            groups.append([row])
    return groups


def _is_of(pair: Pair, row: Robustness) -> bool:
    return pair.task == row.task and all(pair.at.get(key, value) == value for key, value in row.curve.at.items())


def _interval(found: Estimate, scale: float, decimals: int, sign: str = "") -> str:
    value = f"{scale * found.value:{sign}.{decimals}f}"
    if not found.has_interval:
        return value
    return f"{value} [{scale * found.low:.{decimals}f}, {scale * found.high:.{decimals}f}]"


def _p(pair: Pair) -> str:
    return f"p {pair.p_holm:.3f}" if pair.p_holm >= 0.001 else "p below 0.001"


def _signed(value: float) -> str:
    return f"{round(POINTS * value, 1) + 0.0:+.1f} points"  # never minus zero
