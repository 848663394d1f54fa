"""How soon encoders are trained is told in epochs, and only where a score that both reach tells it."""

import csv
import json

from rpt.report.measure.numbers import measure
from rpt.report.measure.pace import paces
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.say.answer import answer
from rpt.report.say.sentences import CANNOT_TELL, how_soon
from rpt.report.tables.study import tables
from tests.support.report_fixture import by_name, write_run


def train_as(folder, scores):
    """Put other held-out scores, one an epoch, into a run's curve."""
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "epoch", "held_out/score", "held_out/loss"])
        writer.writerows([5 * epoch, epoch, score, 1 - score] for epoch, score in enumerate(scores, 1))


def pace_study(root, curves, seeds=4, task="cb"):
    """Runs of encoders whose curves are given, the same for every seed."""
    for encoder, scores in curves.items():
        for seed in range(seeds):
            train_as(write_run(root, f"task={task}", f"encoder={encoder}", f"seed={seed}", "group=convergence"), scores)
    study = collect(root)
    return study, diagnose(study)


SLOW = [0.3, 0.3, 0.3, 0.3, 0.3, 0.6, 0.7, 0.7]
FAST = [0.3, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]


def test_a_study_of_convergence_is_answered_by_epochs(tmp_path):
    study, diagnoses = pace_study(tmp_path, {"plain": SLOW, "residual": FAST})
    parts = answer(study, measure(study, diagnoses))
    assert parts[0].sentences[0] == "To reach the same held-out score, residual needs fewer epochs than plain."
    assert parts[1].sentences[-1] == (
        "Epochs until both have the same held-out score, residual less the other, p after Holm: "
        "plain -5.0 [-5.6, -4.4] (p below 0.001); residual needs fewer epochs than plain."
    )
    made = {table.name: table for table in tables(study, measure(study, diagnoses), diagnoses)}
    (row,) = by_name(made["paces"])
    assert (row["ours"], row["theirs"], row["verdict"], row["seeds"]) == ("residual", "plain", "fewer", 4)
    assert [row["epochs"].value for row in by_name(made["convergence"])] == [7, 2]


def test_the_same_answer_comes_last_where_something_else_was_asked(tmp_path):
    study, diagnoses = pace_study(tmp_path, {"plain": SLOW, "residual": FAST})
    for folder in tmp_path.iterdir():
        record = json.loads((folder / "run.json").read_text())
        record["config"]["group"] = "seeds"
        (folder / "run.json").write_text(json.dumps(record))
    study = collect(tmp_path)
    short = answer(study, measure(study, diagnoses))[0].sentences
    assert short[-1] == "To reach the same held-out score, residual needs fewer epochs than plain."
    assert len(short) == 2


def test_an_encoder_that_stays_low_is_not_the_faster_one(tmp_path):
    """It is at its own best after three epochs, the other after eight; but that other passed it after one."""
    low = [0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    high = [0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]
    study, diagnoses = pace_study(tmp_path, {"plain": low, "residual": high})
    assert [one.epochs[0] for one in diagnoses] == [3, 8]
    (one,) = measure(study, diagnoses).paces
    assert one.comparison.difference.value == -2
    assert one.verdict == "fewer"


def test_equal_epochs_leave_open_what_lies_within_an_epoch(tmp_path):
    (one,) = paces(*pace_study(tmp_path, {"plain": FAST, "residual": FAST}))
    difference = one.comparison.difference
    assert (difference.value, one.verdict) == (0, "open")
    assert difference.low < -0.5 < 0.5 < difference.high


def test_one_seed_tells_no_pace(tmp_path):
    found = paces(*pace_study(tmp_path, {"plain": SLOW, "residual": FAST}, seeds=1))
    assert how_soon("residual", found) == (
        "Epochs until both have the same held-out score, residual less the other: plain -5.0."
    )


def test_a_run_that_diverged_has_no_pace(tmp_path):
    pace_study(tmp_path, {"plain": SLOW, "residual": FAST}, seeds=3)
    train_as(write_run(tmp_path, "seed=3", "group=convergence", status="failed"), SLOW)
    train_as(write_run(tmp_path, "encoder=plain", "seed=3", "group=convergence"), FAST)
    study = collect(tmp_path)
    (one,) = paces(study, diagnose(study))
    assert (one.comparison.difference.value, one.comparison.difference.seeds) == (-5, 3)


def test_pace_is_adjusted_with_the_answer_or_with_what_is_exploratory(tmp_path):
    curves = {"plain": SLOW, "mlp": [0.3, 0.3, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7], "residual": FAST}
    study, diagnoses = pace_study(tmp_path, curves)
    found = measure(study, diagnoses).paces
    assert [(one.first, one.second) for one in found] == [("residual", "plain"), ("residual", "mlp"), ("plain", "mlp")]
    assert [one.family for one in found] == ["answer", "answer", "exploratory"]
    assert [one.verdict for one in found] == ["fewer", "fewer", "more"]


def test_pace_on_several_tasks_is_counted(tmp_path):
    for task in ("cb", "rte"):
        pace_study(tmp_path, {"plain": SLOW, "residual": FAST if task == "cb" else SLOW}, task=task)
    study = collect(tmp_path)
    short = answer(study, measure(study, diagnose(study)))[0].sentences
    assert short[0] == (f"How soon, against plain, of 2 tasks: residual needs fewer epochs in 1, {CANNOT_TELL} in 1.")
