"""Figure of the probability that a run of the leading encoder scores higher than a run of another method."""

from __future__ import annotations

from rpt.report.figures.figure import Figure
from rpt.report.figures.forest import Forest, ForestRow, draw_forest
from rpt.report.figures.styles import heading, looks_of
from rpt.report.measure.numbers import Numbers
from rpt.report.read.study import Study
from rpt.report.say.words import tasks_text
from rpt.report.tables.columns import has_intervals

NEITHER = 0.5
"""Probability at which neither method is ahead."""

ENDS = (-0.02, 1.02)


def improvement(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw a group for each task and setting, and for all tasks; a row for each encoder and baseline."""
    if not numbers.improvements:
        return []
    looks = looks_of(study)
    groups: dict[str, list[ForestRow]] = {}
    for row in numbers.improvements:
        where = heading(study, tasks_text(row.tasks), row.setting)
        groups.setdefault(where, []).append(
            ForestRow(f"{row.leader} > {row.other}", looks[row.other], [row.probability])
        )
    bars = "Black ticks are estimates; bars are 95 % intervals for new seeds on the same examples."
    marks = bars if has_intervals(study) else "Markers are estimates."
    where = "point of the sweep, averaged over the points" if study.main_axis else "setting"
    caption = (
        f"Probability that a run of {study.leader} scores higher than a run of another method at the same "
        f"{where}. {marks} At the line of 0.5, neither is ahead. "
        "Exploratory: no claim of the answer depends on it."
    )
    title = f"Probability that {study.leader} scores higher"
    forest = Forest("improvement", title, caption, ["probability"], line=NEITHER, ends=ENDS, decimals=2)
    return draw_forest(study, forest, groups)
