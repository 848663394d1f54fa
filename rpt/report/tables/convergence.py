"""Build tables of the number of epochs that encoders need to reach a held-out score."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from rpt.report.measure.pace import Pace
from rpt.report.read.diagnostics import Diagnosis
from rpt.report.read.study import Study
from rpt.report.say.words import at_text, caption
from rpt.report.tables.columns import ENCODER, HOLM, RUNS, SEEDS, TASK, cells_on, has_intervals
from rpt.report.tables.table import Cell, Column, Table
from rpt.stats.counts import mean_count

OVER_SEEDS = "In brackets: the 95 % interval for new seeds on the same held-out rows, by Student's t."


def convergence_table(study: Study, diagnoses: Sequence[Diagnosis]) -> Table:
    """Return a table of the epochs that the runs of each encoder needed, at its point with the best held-out score.

    A run needs the epochs until its held-out score is within one point of its best held-out score.
    """
    rows: list[list[Cell]] = []
    for diagnosis in diagnoses:
        epochs = diagnosis.epochs
        spread = statistics.stdev(epochs) if len(epochs) > 1 else None
        if epochs:
            setting = at_text(study.axes, diagnosis.point.values)
            rows.append(
                [
                    diagnosis.point.task,
                    diagnosis.point.method,
                    setting,
                    mean_count(np.array(epochs)),
                    spread,
                    len(epochs),
                ]
            )
    columns = [
        *(TASK, ENCODER, Column("at", "at")),
        Column("epochs", "epochs", note="Until the held-out score was within a point of the run's best."),
        Column("spread", "sd over seeds", note="Standard deviation."),
        RUNS,
    ]
    over_seeds = f"{OVER_SEEDS} " if has_intervals(study) else ""
    text = (
        "Epochs until the held-out score was within one point of the run's own best, at the point with the "
        f"highest held-out score; mean over seeds. {over_seeds}There is one evaluation in each epoch."
    )
    return Table("convergence", "Convergence", caption(study, text), columns, rows)


def pace_table(study: Study, paces: Sequence[Pace]) -> Table:
    """Return a table that compares the epochs to a common score: a row for each compared pair of encoders."""
    others = study.other_axes
    rows: list[list[Cell]] = [[pace.task, *cells_on(others, pace.setting), *_of_pace(pace)] for pace in paces]
    columns = [
        *(TASK, *(Column(axis.key, axis.label) for axis in others)),
        *(Column("ours", "encoder"), Column("theirs", "against")),
        Column("difference", "difference in epochs"),
        Column("p", "p", 3),
        Column("p_holm", "p (Holm)", 3),
        Column("family", "family", note="Answer: the answer above is based on it. Exploratory: all other comparisons."),
        Column("verdict", "verdict", note="The first needs fewer or more epochs; open: the data cannot tell."),
        SEEDS,
    ]
    text = (
        "Epochs of the first minus epochs of the second until both have reached the same held-out score, each at its "
        "tuned point. For each seed, this score is the lower of their two best scores minus one point."
    )
    if has_intervals(study):
        text += f" {OVER_SEEDS} p: two-sided p-value of no difference, paired by seed. {HOLM}"
    return Table("paces", "Epochs to the same score", caption(study, text), columns, rows)


def _of_pace(pace: Pace) -> list[Cell]:
    comparison = pace.comparison
    return [
        pace.first,
        pace.second,
        comparison.difference,
        comparison.p if comparison.has_p else None,
        pace.p_holm if comparison.has_p else None,
        pace.family if comparison.has_p else None,
        pace.verdict if comparison.has_p else None,
        comparison.difference.seeds,
    ]
