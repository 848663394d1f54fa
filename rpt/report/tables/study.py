"""Build the tables of a report from its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rpt.console import several
from rpt.report.measure.comparisons import Pair
from rpt.report.measure.numbers import Numbers, PointScore
from rpt.report.measure.robustness import Robustness
from rpt.report.read.axes import NOT_AVERAGED
from rpt.report.read.diagnostics import Diagnosis
from rpt.report.read.run import POINTS
from rpt.report.read.study import Study
from rpt.report.say.words import caption, value_text
from rpt.report.tables.columns import ENCODER, FAILED, HOLM, RUNS, SEEDS, TASK, axis_columns, cells_on, has_intervals
from rpt.report.tables.convergence import convergence_table, pace_table
from rpt.report.tables.listings import diagnostics_table, run_table
from rpt.report.tables.sweep import improvement_table, interval_table
from rpt.report.tables.table import Cell, Column, Table

INTERVAL = "In brackets: the 95 % interval for new seeds and new examples. All seeds answer the same examples."
OF_SPREADS = "The interval of a standard deviation is a chi-square interval, for new seeds on the same examples."
OF_PAIRS = (
    "p: two-sided p-value of no difference, for new seeds and examples. Seeds needed: number of seeds that show a "
    "difference of one point with a power of 0.8, on as many examples; inf if no number of seeds suffices. p of each "
    "seed: p-value over the examples of this seed's two runs, which shows whether these runs differ, not the encoders."
)
OF_TUNED = "The score is a little too high, because the held-out scores of the same runs selected the setting."


def tables(study: Study, numbers: Numbers, diagnoses: Sequence[Diagnosis]) -> list[Table]:
    """Return all tables that a study has numbers for, the most important first."""
    every_table = [
        robustness_table(study, numbers.robustness),
        comparison_table(study, [*numbers.sweep, *numbers.tuned]),
        improvement_table(study, numbers.improvements),
        interval_table(study, numbers.summaries),
        by_value_table(study, numbers.by_value),
        score_table(study, numbers.points),
        baseline_table(study, numbers.baselines),
        by_point_table(study, numbers.by_point),
        convergence_table(study, diagnoses),
        pace_table(study, numbers.paces),
        diagnostics_table(study, diagnoses),
        run_table(study),
    ]
    return [replace(_without_empty(table), data=study.source) for table in every_table if table.rows]


def score_table(study: Study, points: Sequence[PointScore]) -> Table:
    """Return a table with a row for every point: mean score, spread over seeds, and failed runs."""
    rows: list[list[Cell]] = [
        [score.point.task, score.point.method, *cells_on(study.axes, score.point.values), *_of_point(score)]
        for score in points
    ]
    text = (
        f"Mean score of each point in points (0 to 100). {_intervals(study, OF_SPREADS)}A run that diverged counts "
        "with the majority answer's score."
    )
    columns = [TASK, ENCODER, *axis_columns(study), *_POINT_COLUMNS]
    return Table("scores", "Scores of every point", caption(study, text), columns, rows)


def baseline_table(study: Study, points: Sequence[PointScore]) -> Table:
    """Return a table with the scores of the majority answer and of the runs without a prompt."""
    majority = {run.task: run.majority for run in study.runs}
    rows: list[list[Cell]] = []
    for task, majority_score in majority.items():
        rows.append([task, "majority", *cells_on(study.axes, {}), majority_score, None, None, None, None])
        rows += [
            [task, score.point.method, *cells_on(study.axes, score.point.values), *_of_point(score)]
            for score in points
            if score.point.task == task
        ]
    columns = [TASK, Column("baseline", "baseline"), *axis_columns(study), *_POINT_COLUMNS]
    text = (
        "Scores without a prompt, in points: always the most frequent answer, and trained baselines. "
        f"{_intervals(study, OF_SPREADS)}"
    )
    return Table("baselines", "Baselines", caption(study, text), columns, rows)


def robustness_table(study: Study, rows: Sequence[Robustness]) -> Table:
    """Return a table of scores along the main axis: a row for every task, encoder and setting of the other axes."""
    label = study.main_axis.label if study.main_axis else "setting"
    others = study.other_axes
    columns = [
        TASK,
        ENCODER,
        *(Column(axis.key, axis.label) for axis in others),
        Column("best", "best", scale=POINTS, note="Score of the best point in these runs; it is too high."),
        Column("best_at", f"best {label}"),
        Column("average", "average", scale=POINTS, note="Score averaged over the points of the sweep."),
        Column("worst", "worst", scale=POINTS, note="Score of the worst point."),
        Column(
            "tuned", "tuned", scale=POINTS, note=f"Score at the {label} with the highest held-out score. {OF_TUNED}"
        ),
        Column("tuned_at", f"tuned {label}"),
        Column("spread_seeds", "sd over seeds", scale=POINTS, note=f"Standard deviation at the tuned {label}."),
        Column("spread_points", f"spread over {label}", scale=POINTS, note="Score of the best point minus the worst."),
        Column(
            "spread_within",
            f"sd over seeds of one {label}",
            scale=POINTS,
            note="Standard deviation, pooled over points.",
        ),
        Column("failed_share", "failed (%)", 0, POINTS, note=FAILED.note),
        FAILED,
        RUNS,
        SEEDS,
    ]
    opening = f"How much a wrong {label} costs" if study.main_axis else "Score of each encoder at each setting"
    cells: list[list[Cell]] = [
        [row.task, row.method, *cells_on(others, row.curve.setting), *_of_robustness(row)] for row in rows
    ]
    of_extremes = (
        f"The intervals of best, worst and spread over {label} account for the bias of extremes.",
        f"{OF_SPREADS} The intervals of shares are Wilson's, as if all runs were independent.",
    )
    text = (
        f"{opening}, in points (0 to 100). {_intervals(study, *of_extremes)}A run that diverged "
        "counts with the majority answer's score. Seeds: number of seeds that every point has."
    )
    return Table("robustness", "Robustness", caption(study, text), columns, cells)


def comparison_table(study: Study, pairs: Sequence[Pair]) -> Table:
    """Return a table of comparisons of encoders with encoders and baselines, over the sweep and at the tuned point."""
    label = study.main_axis.label if study.main_axis else "setting"
    rows: list[list[Cell]] = [
        [
            pair.task,
            *cells_on(study.other_axes, pair.setting),
            pair.first,
            pair.second,
            _compared(pair, label),
            *_of_pair(pair),
        ]
        for pair in pairs
    ]
    others = [Column(axis.key, axis.label) for axis in study.other_axes]
    columns = [TASK, *others, Column("ours", "encoder"), Column("theirs", "against"), Column("compared", "compared")]
    text = f"Differences in points, first minus second, paired by seed and example. {_intervals(study, OF_PAIRS, HOLM)}"
    return Table("comparisons", "Comparisons", caption(study, text), [*columns, *_PAIR_COLUMNS], rows)


def by_value_table(study: Study, pairs: Sequence[Pair]) -> Table:
    """Return a table of comparisons of two values of an axis for one encoder, for every axis."""
    labels = {axis.key: axis.label for axis in study.axes}
    apart = [axis for axis in study.axes if axis.key in NOT_AVERAGED]
    rows: list[list[Cell]] = [
        [
            *(pair.task, *cells_on(apart, pair.setting), labels[pair.axis or ""], pair.first),
            *(value_text(pair.first_value), value_text(pair.second_value), pair.num_points, *_of_pair(pair)),
        ]
        for pair in pairs
    ]
    columns = [TASK, *(Column(axis.key, axis.label) for axis in apart), Column("axis", "axis"), ENCODER]
    columns += [Column("ours", "value"), Column("theirs", "against")]
    columns += [Column("settings", "settings", note="Number of settings of the other axes in the averages.")]
    text = (
        "Differences in points between two values of an axis, of the same encoder, paired by seed and example. "
        f"{_intervals(study, HOLM)}"
    )
    title = "Comparisons along each axis"
    return Table("comparisons_by_value", title, caption(study, text), [*columns, *_PAIR_COLUMNS], rows)


def by_point_table(study: Study, pairs: Sequence[Pair]) -> Table:
    """Return a table of comparisons of encoders with encoders and baselines, at each of their common points."""
    rows: list[list[Cell]] = [
        [pair.task, *cells_on(study.axes, pair.setting), pair.first, pair.second, *_of_pair(pair)] for pair in pairs
    ]
    columns = [TASK, *axis_columns(study), Column("ours", "encoder"), Column("theirs", "against"), *_PAIR_COLUMNS]
    pairing = "Differences in points between encoders at one setting, paired by seed and example."
    text = f"{pairing} {_intervals(study, HOLM)}"
    return Table("comparisons_by_point", "Comparisons at single points", caption(study, text), columns, rows)


_POINT_COLUMNS = (
    Column("score", "score", scale=POINTS),
    Column("spread", "sd over seeds", scale=POINTS, note="Standard deviation."),
    FAILED,
    RUNS,
    SEEDS,
)

_PAIR_COLUMNS = (
    Column("difference", "difference", scale=POINTS),
    Column("p", "p", 3),
    Column("p_holm", "p (Holm)", 3),
    Column("family", "family", note="Answer: the answer above is based on it. Exploratory: all other comparisons."),
    Column("verdict", "verdict", note="The first scores higher or lower; open: the data cannot tell."),
    Column(
        "seeds_needed", "seeds needed", note="Seeds that show one point on as many examples; inf: no number suffices."
    ),
    Column("p_per_seed", "p of each seed"),
    SEEDS,
)


def _intervals(study: Study, *further: str) -> str:
    """Return the sentences that explain brackets and p-values; empty if there are too few seeds for both."""
    return " ".join((INTERVAL, *further, "")) if has_intervals(study) else ""


def _of_point(score: PointScore) -> list[Cell]:
    runs = len(score.point.runs)
    return [score.score, score.spread if runs > 1 else None, score.num_failed, runs, runs]


def _of_robustness(row: Robustness) -> list[Cell]:
    has_axis = any(value is not None for value in row.curve.values) or len(row.curve.points) > 1
    is_swept = row.curve.axis is not None
    return [
        row.best if is_swept else None,
        value_text(row.best_at) if has_axis else None,
        row.average if is_swept else None,
        row.worst if is_swept else None,
        row.tuned,
        value_text(row.tuned_at) if has_axis else None,
        row.spread if row.spread.is_known else None,
        row.apart,
        row.within,
        row.failed,
        row.num_failed,
        len(row.curve.runs),
        len(row.curve.seeds),
    ]


def _of_pair(pair: Pair) -> list[Cell]:
    comparison = pair.comparison
    per_seed = ", ".join(f"{p:.2g}" for p in comparison.per_seed) if comparison.has_p else None
    return [
        comparison.difference,
        comparison.p if comparison.has_p else None,
        pair.p_holm if comparison.has_p else None,
        pair.family if comparison.has_p else None,
        pair.verdict if comparison.has_p else None,
        pair.seeds_needed,
        per_seed,
        comparison.difference.seeds,
    ]


def _compared(pair: Pair, label: str) -> str:
    if pair.where == "tuned":
        values = [value_text(value) for value in (pair.first_value, pair.second_value) if value is not None]
        return f"each at its tuned {label}: {' and '.join(values)}" if values else "at the only setting"
    return f"averaged over {several(pair.num_points, 'point')} of the {label}"


def _without_empty(table: Table) -> Table:
    """Return a table without the columns that are empty in every row."""
    kept = [index for index in range(len(table.columns)) if any(row[index] not in (None, "") for row in table.rows)]
    rows = [[row[index] for index in kept] for row in table.rows]
    return replace(table, columns=[table.columns[index] for index in kept], rows=rows)
