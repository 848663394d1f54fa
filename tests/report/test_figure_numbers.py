"""Figures of runs that differ in their evaluations, their backbones and their sweeps show each run's own numbers."""

import csv
import io
import json

import numpy as np

from rpt.report.figures.convergence import convergence, mean_of
from rpt.report.figures.forest import differences
from rpt.report.figures.prompts import prompt_figures
from rpt.report.measure.numbers import measure
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from tests.support.report_fixture import write_run, write_study


def thin(folder, start):
    """Keep the evaluations of every second epoch, from `start` on, with the epoch as score."""
    path = folder / "metrics.csv"
    rows = [row for row in csv.DictReader(io.StringIO(path.read_text())) if row["held_out/score"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, [*rows[0]], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "held_out/score": float(row["epoch"]) / 10} for row in rows[start::2])
    path.write_text(text.getvalue())


def test_a_mean_over_runs_is_taken_at_equal_epochs(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path, f"seed={seed}")
    whole = diagnose(collect(tmp_path))[0].histories[0]
    thin(collect(tmp_path).runs[1].folder, 1)
    (one,) = diagnose(collect(tmp_path))
    epochs, mean = mean_of(one, "score")
    assert epochs.tolist() == [2, 4, 6, 8, 10]
    np.testing.assert_allclose(mean, (whole.score[1::2] + epochs / 10) / 2)


def test_runs_without_a_common_epoch_have_no_mean(tmp_path):
    for seed in (0, 1):
        thin(write_run(tmp_path, f"seed={seed}"), seed)
    study = collect(tmp_path)
    diagnoses = diagnose(study)
    assert [len(numbers) for numbers in mean_of(diagnoses[0], "score")] == [0, 0]
    (figure,) = convergence(study, diagnoses)
    assert "none, as its runs have no epoch in common" in figure.alt
    prompt_figures(study, diagnoses)


def test_the_band_of_each_encoder_is_its_backbones(tmp_path):
    for encoder, mean in (("plain", 1.4), ("residual", 30.0)):
        path = write_run(tmp_path, f"encoder={encoder}") / "diagnostics.json"
        values = json.loads(path.read_text())
        values["vocab_norm"]["mean"] = mean
        path.write_text(json.dumps(values))
    study = collect(tmp_path)
    alt = next(figure.alt for figure in prompt_figures(study, diagnose(study)) if figure.name == "prompt-norms")
    assert "vocabulary plain 1.40 and residual 30.00." in alt


def test_a_task_without_a_sweep_keeps_its_differences_beside_one_with(tmp_path):
    write_study(
        tmp_path, methods=("plain", "residual"), rates=(0.003, 0.03), seeds=(0, 1), diverged=(), baselines=False
    )
    for encoder in ("plain", "residual"):
        for seed in (0, 1):
            write_run(tmp_path, "task=rte", f"encoder={encoder}", "lr=0.03", f"seed={seed}", "group=learning_rate")
    study = collect(tmp_path)
    numbers = measure(study)
    assert {pair.task for pair in numbers.sweep} == {"cb"}
    (figure,) = differences(study, numbers)
    (expected,) = [pair.comparison.difference.value for pair in numbers.tuned if pair.task == "rte"]
    assert f"residual - plain {100 * expected:.1f}" in figure.alt.rpartition("rte")[2]
    assert "averaged over the sweep (on rte each at the point that the held-out rows choose)" in figure.caption
