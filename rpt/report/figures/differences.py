"""Figures of differences in score: between encoders, and between two values of an axis."""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.figures.figure import Figure
from rpt.report.figures.forest import Forest, ForestRow, draw_forest, scaled
from rpt.report.figures.styles import heading, looks_of
from rpt.report.measure.along import asked_axes
from rpt.report.measure.comparisons import Pair
from rpt.report.measure.numbers import Numbers
from rpt.report.read.run import POINTS
from rpt.report.read.study import Study
from rpt.report.say.words import listed, value_text
from rpt.report.tables.columns import has_intervals

COLUMNS = ("difference (points)",)

UNADJUSTED = (
    "Bars are 95 % intervals for new seeds and new examples, not adjusted for the number of comparisons; the table has "
    "the adjusted p."
)
"""Sentence in the caption of every figure of differences."""


def differences(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw the score of each panel's leading encoder minus the score of each other encoder.

    Scores are averaged over the sweep. On a task without a sweep, the score of each encoder or baseline is taken at the
    point that the held-out rows choose.
    """
    swept = {pair.task for pair in numbers.sweep}
    single = [pair for pair in numbers.tuned if pair.task not in swept]
    pairs = [*numbers.sweep, *single]
    if not pairs:
        return []
    looks = looks_of(study)
    panels: dict[str, list[Pair]] = {}
    for pair in pairs:
        panels.setdefault(heading(study, pair.task, pair.setting), []).append(pair)
    leaders = {name: _leader(study, of_panel) for name, of_panel in panels.items()}
    groups = {
        name: [
            ForestRow(f"{pair.first} - {pair.second}", looks[pair.second], [scaled(pair.comparison.difference, POINTS)])
            for pair in of_panel
            if pair.first == leaders[name]
        ]
        for name, of_panel in panels.items()
    }
    tuned = "each at the point with its highest held-out score"
    over = "averaged over the sweep" if swept else tuned
    if swept and single:
        over += f" (on {listed([*dict.fromkeys(pair.task for pair in single)])} {tuned})"
    caption = f"Difference in score, {over}, paired by seed and example."
    if has_intervals(study):
        caption += f" {UNADJUSTED}"
    names = list(dict.fromkeys(leaders.values()))
    title = f"Score of {names[0] if len(names) == 1 else 'one encoder'} minus the score of the others"
    return draw_forest(study, Forest("differences", title, caption, COLUMNS, line=0.0), groups)


def _leader(study: Study, pairs: Sequence[Pair]) -> str:
    """Return the study's leader, or the first encoder of the first pair if the leader is not the first of any pair."""
    return study.leader if any(pair.first == study.leader for pair in pairs) else pairs[0].first


def differences_by_value(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw the differences in score between two values of an axis, for each axis that the report's answer compares."""
    looks, labels = looks_of(study), {axis.key: axis.label for axis in study.axes}
    figures: list[Figure] = []
    for axis in asked_axes(study):
        groups: dict[str, list[ForestRow]] = {}
        for pair in numbers.by_value:
            if pair.axis == axis.key:
                label = f"{pair.first}: {value_text(pair.first_value)} - {value_text(pair.second_value)}"
                row = ForestRow(label, looks[pair.first], [scaled(pair.comparison.difference, POINTS)])
                groups.setdefault(heading(study, pair.task, pair.setting), []).append(row)
        caption = f"Difference in score between two values of {labels[axis.key]}, paired by seed and example."
        if has_intervals(study):
            caption += f" {UNADJUSTED}"
        title = f"Score along {labels[axis.key]}, one value minus another"
        name = f"differences-by-{axis.key.replace('.', '-')}"
        figures += draw_forest(study, Forest(name, title, caption, COLUMNS, line=0.0), groups)
    return figures
