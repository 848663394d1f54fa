"""The numbers in the figures, for runs with different evaluation epochs, backbones and sweeps."""

import csv
import io
import json

import numpy as np
import pytest
from scipy.stats import trim_mean

from rpt.report.figures.convergence import convergence, mean_of
from rpt.report.figures.differences import differences
from rpt.report.figures.figure import style
from rpt.report.figures.first_step import first_steps
from rpt.report.figures.improvement import improvement
from rpt.report.figures.intervals import intervals
from rpt.report.figures.panels import MOST_PANELS, not_shown
from rpt.report.figures.profile import baselines_of, profiles
from rpt.report.figures.prompts import prompt_figures
from rpt.report.measure.numbers import measure
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.tables.sweep import improvement_table, interval_table
from rpt.report.tables.writers import to_csv
from tests.support.report_fixture import write_run, write_study


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """A study of two tasks, two encoders, two learning rates and three seeds, and its numbers."""
    root = tmp_path_factory.mktemp("tasks")
    options = {"tasks": ("cb", "rte"), "methods": ("plain", "residual"), "rates": (0.003, 0.03), "diverged": ()}
    study = collect(write_study(root, diagnostics=False, **options))
    return study, measure(study)


def text(estimate, scale, decimals):
    value, low, high = (f"{scale * number:.{decimals}f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def keep_every_second_epoch(folder, start):
    """Keep only every second evaluation of a run's curve, from the index `start`, and set its score to epoch / 10."""
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
    keep_every_second_epoch(collect(tmp_path).runs[1].folder, 1)
    (diagnosis,) = diagnose(collect(tmp_path))
    epochs, mean = mean_of(diagnosis, "score")
    assert epochs.tolist() == [2, 4, 6, 8, 10]
    np.testing.assert_allclose(mean, (whole.score[1::2] + epochs / 10) / 2)


def test_runs_without_a_common_epoch_have_no_mean(tmp_path):
    for seed in (0, 1):
        keep_every_second_epoch(write_run(tmp_path, f"seed={seed}"), seed)
    study = collect(tmp_path)
    diagnoses = diagnose(study)
    assert [len(numbers) for numbers in mean_of(diagnoses[0], "score")] == [0, 0]
    (figure,) = convergence(study, diagnoses)
    assert "none, because its runs have no epoch in common" in figure.alt
    prompt_figures(study, diagnoses)


def test_the_norms_of_the_vocabulary_are_those_of_each_runs_backbone(tmp_path):
    for encoder, mean in (("plain", 1.4), ("residual", 30.0)):
        path = write_run(tmp_path, f"encoder={encoder}") / "diagnostics.json"
        values = json.loads(path.read_text())
        values["vocab_norm"]["mean"] = mean
        path.write_text(json.dumps(values))
    study = collect(tmp_path)
    alt = next(figure.alt for figure in prompt_figures(study, diagnose(study)) if figure.name == "prompt-norms")
    assert "vocabulary plain 1.40 and residual 30.00." in alt


def test_a_task_without_a_sweep_has_differences_next_to_a_task_with_a_sweep(tmp_path):
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
    assert "averaged over the sweep (on rte each at the point with its highest held-out score)" in figure.caption


@pytest.mark.slow
def test_the_interval_panel_has_every_statistic_of_each_task_and_over_tasks(tasks):
    study, numbers = tasks
    (figure,) = intervals(study, numbers)
    curves = [study.curve(task, "residual") for task in study.tasks]
    scores = [curve.scores for curve in curves]
    cb, over = (row for row in numbers.summaries if row.method == "residual" and row.tasks != ("rte",))
    assert cb.average.value == pytest.approx(scores[0].mean())
    assert cb.middle.value == pytest.approx(trim_mean(scores[0].ravel(), 0.25))
    assert cb.worst.value == pytest.approx(scores[0].mean(axis=1).min())
    assert cb.tuned.value == pytest.approx(curves[0].tuned.scores.mean())
    assert over.average.value == pytest.approx(np.mean(scores))
    assert over.middle.value == pytest.approx(trim_mean(np.concatenate(scores, axis=None), 0.25))
    assert over.worst.value == pytest.approx(np.mean([of_task.mean(axis=1).min() for of_task in scores]))
    assert over.tuned.value == pytest.approx(np.mean([curve.tuned.scores.mean() for curve in curves]))
    statistics = {"mean": "average", "interquartile mean": "middle", "worst setting": "worst", "tuned": "tuned"}
    for row, label in ((cb, "cb"), (over, "over 2 tasks")):
        for title, name in statistics.items():
            parts = [part for part in figure.alt.split(f"{label}, ") if part.startswith(title)]
            assert f"residual {text(getattr(row, name), 100, 1)}" in parts[0].partition("].")[0] + "]"


def test_the_tables_of_intervals_and_probabilities_have_the_measured_numbers(tasks):
    study, numbers = tasks
    rows = [*csv.DictReader(io.StringIO(to_csv(interval_table(study, numbers.summaries))))]
    assert [(row["task"], row["encoder"]) for row in rows] == [
        (task, encoder) for task in ("cb", "rte", "over 2 tasks") for encoder in ("plain", "residual")
    ]
    for row, summary in zip(rows, numbers.summaries, strict=True):
        for name, estimate in (("average", summary.average), ("interquartile_mean", summary.middle)):
            ends = [float(row[f"{name}{end}"]) for end in ("", "_low", "_high")]
            assert ends == [estimate.value, estimate.low, estimate.high]
    rows = [*csv.DictReader(io.StringIO(to_csv(improvement_table(study, numbers.improvements))))]
    values = [row.probability.value for row in numbers.improvements]
    assert [float(row["probability"]) for row in rows] == values


def test_the_probability_figure_has_every_encoder_and_baseline_of_each_task_and_over_tasks(tasks):
    study, numbers = tasks
    (figure,) = improvement(study, numbers)
    assert len(numbers.improvements) == 6
    for row in numbers.improvements:
        label = row.tasks[0] if len(row.tasks) == 1 else "over 2 tasks"
        group = figure.alt.split(f"{label}, probability: ")[1]
        assert f"residual > {row.other} {text(row.probability, 1, 2)}" in group


def write_panels(root, lengths):
    for encoder in ("plain", "residual"):
        for rate in (0.003, 0.03):
            for length in lengths:
                write_run(root, f"encoder={encoder}", f"lr={rate}", f"prompt.length={length}", diagnostics=False)
    return root


@pytest.mark.slow
def test_panels_that_do_not_fit_a_figure_go_into_a_second_figure(tmp_path):
    study = collect(write_panels(tmp_path, range(1, MOST_PANELS + 2)))
    numbers = measure(study)
    with style():
        for draw, name in ((profiles, "profile"), (first_steps, "prompt-first-step")):
            figures = draw(study, numbers)
            assert [figure.name for figure in figures] == [f"{name}-1", f"{name}-2"]
            assert [figure.alt.count("virtual tokens") for figure in figures] == [MOST_PANELS, 1]


def test_tasks_that_a_figure_leaves_out_are_named():
    names = [f"task{number}" for number in range(MOST_PANELS + 2)]
    assert not_shown(names[:MOST_PANELS]) == ""
    assert not_shown(names) == f" Not shown: task{MOST_PANELS} and task{MOST_PANELS + 1}."


def test_a_baseline_is_drawn_only_in_panels_of_its_own_setting(tmp_path):
    for rows in (20, 40):
        for encoder in ("none", "plain", "residual"):
            rates = ("lr=0.003",) if encoder == "none" else ("lr=0.003", "lr=0.03")
            for rate in rates:
                write_run(tmp_path, f"encoder={encoder}", rate, f"data.k_per_class={rows}", diagnostics=False)
    study = collect(tmp_path)
    numbers = measure(study)
    assert len(numbers.baselines) == 2
    for curve in study.curves:
        (baseline,) = baselines_of(numbers, [curve])
        assert baseline.point.values["data.k_per_class"] == curve.setting["data.k_per_class"]
