"""Figure of the scores of each encoder over its sweep with their intervals, on each task and over all tasks."""

from __future__ import annotations

from rpt.report.figures.figure import Figure
from rpt.report.figures.forest import Forest, ForestRow, draw_forest, scaled
from rpt.report.figures.styles import heading, looks_of
from rpt.report.measure.numbers import Numbers
from rpt.report.read.run import POINTS
from rpt.report.read.study import Study
from rpt.report.say.words import tasks_text
from rpt.report.tables.columns import has_intervals

COLUMNS = ("mean (points)", "interquartile mean (points)", "worst setting (points)", "tuned on held-out rows (points)")


def intervals(study: Study, numbers: Numbers) -> list[Figure]:
    """Draw mean, interquartile mean, worst and tuned score; no figure if every encoder has a single point."""
    if not any(row.num_points > len(row.tasks) for row in numbers.summaries):
        return []
    looks = looks_of(study)
    groups: dict[str, list[ForestRow]] = {}
    for row in numbers.summaries:
        estimates = [scaled(estimate, POINTS) for estimate in (row.average, row.middle, row.worst, row.tuned)]
        where = heading(study, tasks_text(row.tasks), row.setting)
        groups.setdefault(where, []).append(ForestRow(row.method, looks[row.method], estimates))
    bars = "Black ticks are estimates; bars are 95 % intervals for new seeds and new examples."
    marks = bars if has_intervals(study) else "Markers are estimates."
    caption = (
        f"{marks} The interquartile mean is the mean of the middle half of the runs, and the "
        "worst setting the point of the sweep with the lowest mean score."
    )
    if any(len(row.tasks) > 1 for row in numbers.summaries):
        caption += (
            " Over several tasks, the interquartile mean takes all their runs; the other scores are means over tasks."
        )
    return draw_forest(study, Forest("intervals", "Scores over the sweep", caption, COLUMNS), groups)
