"""Build tables of all runs and of the prompts' diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

from rpt.report.read.axes import unit_of
from rpt.report.read.diagnostics import Diagnosis
from rpt.report.read.run import POINTS, StudyRun
from rpt.report.read.series import held_out_score
from rpt.report.read.study import Study
from rpt.report.say.words import at_text, caption
from rpt.report.tables.columns import ENCODER, RUNS, TASK, axis_columns, cells_on
from rpt.report.tables.table import Cell, Column, Table


def diagnostics_table(study: Study, diagnoses: Sequence[Diagnosis]) -> Table:
    """Return the table of prompt diagnostics: a row for each encoder at its point with the best held-out score."""
    rows: list[list[Cell]] = []
    for diagnosis in diagnoses:
        prompts = [prompt for prompt in diagnosis.prompts if prompt is not None]
        gates = [float(prompt.gate.mean()) for prompt in prompts if prompt.gate is not None]
        means: list[Cell] = [
            _mean([float(prompt.norms.mean()) for prompt in prompts]),
            _mean([prompt.vocab_norm["mean"] for prompt in prompts]),
            _mean([float(prompt.drift.mean()) for prompt in prompts]),
            _mean(gates),
            _mean([row[0][1] for prompt in prompts for row in prompt.nearest if row]),
            diagnosis.mean_cosine,
        ]
        if any(cell is not None for cell in means):
            rows.append(
                [
                    diagnosis.point.task,
                    diagnosis.point.method,
                    at_text(study.axes, diagnosis.point.values),
                    *means,
                    len(prompts),
                ]
            )
    columns = [
        TASK,
        ENCODER,
        Column("at", "at"),
        Column("norm", "norm", 2, note="Mean over virtual tokens."),
        Column("vocab_norm", "norm of the vocabulary", 2, note="Mean over the backbone's input embeddings."),
        Column("drift", "drift", 2, note="|P' - P'_start| / |P'_start|, mean over virtual tokens."),
        Column("gate", "gate", 2, note="|phi(P)| / |P| of a residual encoder, mean over virtual tokens."),
        Column("nearest_cosine", "nearest word's cosine", 2, note="Mean over virtual tokens."),
        Column("seed_cosine", "cosine between seeds", 2, note="Mean over virtual tokens and pairs of seeds."),
        RUNS,
    ]
    text = "Measures of the exported prompts at the point with the highest held-out score; means over seeds."
    return Table("diagnostics", "Prompt diagnostics", caption(study, text), columns, rows)


def run_table(study: Study) -> Table:
    """Return the table of all runs, including failed runs."""
    rows: list[list[Cell]] = [_of_run(study, run) for run in (*study.runs, *study.baselines)]
    columns = [
        Column("folder", "folder"),
        TASK,
        ENCODER,
        *axis_columns(study),
        Column("unit", "unit of the prompt"),
        Column("seed", "seed"),
        Column("status", "status"),
        Column("score", "score", scale=POINTS),
        Column("majority", "majority", scale=POINTS),
        Column("held_out", "held-out score", scale=POINTS),
        Column("best_epoch", "best epoch"),
        Column("best_step", "best step"),
        Column("seconds", "seconds", 0),
        Column("warnings", "warnings"),
    ]
    text = "Every run of the study. The score on the reported rows is in points, and empty if the run diverged."
    return Table("runs", "All runs", caption(study, text), columns, rows)


def _of_run(study: Study, run: StudyRun) -> list[Cell]:
    record = run.record
    best = record.best
    held_out = None if run.diverged or best is None else held_out_score(run)
    notes = [*record.warnings, *([str(record.error)] if run.diverged else [])]
    return [
        run.folder.name,
        run.task,
        run.method,
        *cells_on(study.axes, run.values),
        None if "prompt.unit" in run.values else unit_of(record),  # if the unit is an axis, it already has a column
        run.seed,
        "diverged" if run.diverged else "at or below majority" if run.is_failed else "finished",
        None if run.diverged else run.score,
        run.majority,
        held_out,
        None if best is None else best.epoch,
        None if best is None else best.step,
        record.seconds,
        "; ".join(notes),
    ]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
