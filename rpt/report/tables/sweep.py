"""Tables of numbers over all runs of a sweep, for each task and over all tasks."""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.measure.improvement import Improvement
from rpt.report.measure.summaries import Summary
from rpt.report.read.run import POINTS
from rpt.report.read.study import Study
from rpt.report.say.words import at_text, caption, tasks_text
from rpt.report.tables.columns import ENCODER, RUNS, SEEDS, TASK, has_intervals
from rpt.report.tables.table import Cell, Column, Table

AT = Column("at", "at")


def improvement_table(study: Study, improvements: Sequence[Improvement]) -> Table:
    """Return a table of the probability that a run of the leading encoder scores higher than a run of another method.

    The table has a row for each other encoder and baseline, on each task and over all tasks.
    """
    rows: list[list[Cell]] = [
        [
            tasks_text(row.tasks),
            at_text(study.axes, row.setting),
            row.leader,
            row.other,
            row.probability,
            row.num_points,
            row.probability.seeds,
        ]
        for row in improvements
    ]
    columns = [
        TASK,
        AT,
        Column("leader", "encoder"),
        Column("other", "against"),
        Column("probability", "probability", 2, note="That the encoder's run scores higher; a tie counts half."),
        Column("points", "points", 0),
        SEEDS,
    ]
    interval = "In brackets the 95 % interval for new seeds on the same examples. " if has_intervals(study) else ""
    averaged = ", and the points are averaged" if study.main_axis else ""
    text = (
        "Probability that a run of the encoder scores higher than a run of the method after 'against'. All pairs of "
        f"runs at the same point are compared{averaged}. At 0.5 neither is better. {interval}"
        "Exploratory: the report's answer does not use these numbers."
    )
    return Table("improvement", "Probability of a higher score", caption(study, text), columns, rows)


def interval_table(study: Study, summaries: Sequence[Summary]) -> Table:
    """Return a table of each encoder's scores over its sweep, on each task and over all tasks.

    The table is empty if every encoder has a single point, whose score is then average, worst and tuned score.
    """
    swept = summaries if any(row.num_points > len(row.tasks) for row in summaries) else []
    rows: list[list[Cell]] = [
        [
            *(tasks_text(row.tasks), at_text(study.axes, row.setting), row.method),
            *(row.average, row.middle, row.worst, row.tuned, row.num_runs, row.average.seeds),
        ]
        for row in swept
    ]
    columns = [
        *(TASK, AT, ENCODER),
        Column("average", "mean", scale=POINTS, note="Mean over all points of the sweep."),
        Column("interquartile_mean", "interquartile mean", scale=POINTS, note="Mean of the middle half of all runs."),
        Column("worst", "worst", scale=POINTS, note="Score of the worst point."),
        Column("tuned", "tuned", scale=POINTS, note="Score at the point with the highest score on the held-out rows."),
        *(RUNS, SEEDS),
    ]
    interval = "In brackets the 95 % interval over new seeds and new examples. " if has_intervals(study) else ""
    text = (
        f"Scores in points (0 to 100). {interval}In a row over several tasks, mean, worst and tuned are means over the "
        "tasks. The interquartile mean is computed from the runs of all tasks together."
    )
    return Table("intervals", "Scores over the sweep", caption(study, text), columns, rows)
