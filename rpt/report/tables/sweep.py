"""Tables of numbers over all runs of a sweep, for each task and over all tasks."""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.measure.improvement import Improvement
from rpt.report.read.study import Study
from rpt.report.say.words import at_text, caption, tasks_text
from rpt.report.tables.columns import SEEDS, TASK, has_intervals
from rpt.report.tables.table import Cell, Column, Table

AT = Column("at", "at")


def improvement_table(study: Study, improvements: Sequence[Improvement]) -> Table:
    """Return a table with a row for each encoder or baseline that is compared with the leading encoder, run by run."""
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
        Column("probability", "probability", 2, note="That a run of the first scores higher; equal scores count half."),
        Column("points", "points", 0),
        SEEDS,
    ]
    interval = "In brackets the 95 % interval for new seeds on the same examples. " if has_intervals(study) else ""
    text = (
        "Every run of the first against every run of the second at the same point, averaged over the points. "
        f"0.5: neither is ahead. {interval}Exploratory: no claim of the answer rests on it."
    )
    return Table("improvement", "Probability of a higher score", caption(study, text), columns, rows)
