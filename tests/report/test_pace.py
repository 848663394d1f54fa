"""The report compares how many epochs encoders need to reach the same held-out score."""

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


def set_curve(folder, scores):
    """Replace the curve of a run by held-out scores, one for each epoch."""
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "epoch", "held_out/score", "held_out/loss"])
        writer.writerows([5 * epoch, epoch, score, 1 - score] for epoch, score in enumerate(scores, 1))


def pace_study(root, curves, seeds=4, task="cb"):
    """Write runs of encoders with given curves, which are the same for every seed; return the study and diagnoses."""
    for encoder, scores in curves.items():
        for seed in range(seeds):
            set_curve(
                write_run(root, f"task={task}", f"encoder={encoder}", f"seed={seed}", "group=convergence"), scores
            )
    study = collect(root)
    return study, diagnose(study)


SLOW = [0.3, 0.3, 0.3, 0.3, 0.3, 0.6, 0.7, 0.7]
FAST = [0.3, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]


def test_a_study_of_convergence_is_answered_by_epochs(tmp_path):
    study, diagnoses = pace_study(tmp_path, {"plain": SLOW, "residual": FAST})
    parts = answer(study, measure(study, diagnoses))
    assert parts[0].sentences[0] == "To reach the same held-out score, residual needs fewer epochs than plain."
    assert parts[1].sentences[-1] == (
        "Difference in epochs until both reach the same held-out score, residual minus the other, p after Holm's "
        "correction: plain -5.0 [-5.6, -4.4] (p below 0.001); residual needs fewer epochs than plain."
    )
    by_table = {table.name: table for table in tables(study, measure(study, diagnoses), diagnoses)}
    (row,) = by_name(by_table["paces"])
    assert (row["ours"], row["theirs"], row["verdict"], row["seeds"]) == ("residual", "plain", "fewer", 4)
    assert [row["epochs"].value for row in by_name(by_table["convergence"])] == [7, 2]


def test_the_answer_on_convergence_comes_last_in_a_study_of_another_question(tmp_path):
    study, diagnoses = pace_study(tmp_path, {"plain": SLOW, "residual": FAST})
    for folder in tmp_path.iterdir():
        record = json.loads((folder / "run.json").read_text())
        record["config"]["group"] = "seeds"
        (folder / "run.json").write_text(json.dumps(record))
    study = collect(tmp_path)
    short = answer(study, measure(study, diagnoses))[0].sentences
    assert short[-1] == "To reach the same held-out score, residual needs fewer epochs than plain."
    assert len(short) == 2


def test_an_encoder_with_low_scores_is_not_reported_as_faster(tmp_path):
    """Plain reaches its best score after 3 epochs, residual after 8. Residual reaches plain's best after 1 epoch."""
    low = [0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    high = [0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9]
    study, diagnoses = pace_study(tmp_path, {"plain": low, "residual": high})
    assert [diagnosis.epochs[0] for diagnosis in diagnoses] == [3, 8]
    (pace,) = measure(study, diagnoses).paces
    assert pace.comparison.difference.value == -2
    assert pace.verdict == "fewer"


def test_the_interval_of_equal_epochs_covers_half_an_epoch_on_both_sides(tmp_path):
    (pace,) = paces(*pace_study(tmp_path, {"plain": FAST, "residual": FAST}))
    difference = pace.comparison.difference
    assert (difference.value, pace.verdict) == (0, "open")
    assert difference.low < -0.5 < 0.5 < difference.high


def test_with_one_seed_there_is_a_difference_in_epochs_without_a_verdict(tmp_path):
    found = paces(*pace_study(tmp_path, {"plain": SLOW, "residual": FAST}, seeds=1))
    assert how_soon("residual", found) == (
        "Difference in epochs until both reach the same held-out score, residual minus the other: plain -5.0."
    )


def test_a_run_that_diverged_is_left_out_of_the_comparison_of_epochs(tmp_path):
    pace_study(tmp_path, {"plain": SLOW, "residual": FAST}, seeds=3)
    set_curve(write_run(tmp_path, "seed=3", "group=convergence", status="failed"), SLOW)
    set_curve(write_run(tmp_path, "encoder=plain", "seed=3", "group=convergence"), FAST)
    study = collect(tmp_path)
    (pace,) = paces(study, diagnose(study))
    assert (pace.comparison.difference.value, pace.comparison.difference.seeds) == (-5, 3)


def test_comparisons_of_epochs_belong_to_the_answer_or_are_exploratory(tmp_path):
    curves = {"plain": SLOW, "mlp": [0.3, 0.3, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7], "residual": FAST}
    study, diagnoses = pace_study(tmp_path, curves)
    found = measure(study, diagnoses).paces
    encoders = [(pace.first, pace.second) for pace in found]
    assert encoders == [("residual", "plain"), ("residual", "mlp"), ("plain", "mlp")]
    assert [pace.family for pace in found] == ["answer", "answer", "exploratory"]
    assert [pace.verdict for pace in found] == ["fewer", "fewer", "more"]


def test_the_sentence_on_epochs_counts_verdicts_over_several_tasks(tmp_path):
    for task in ("cb", "rte"):
        pace_study(tmp_path, {"plain": SLOW, "residual": FAST if task == "cb" else SLOW}, task=task)
    study = collect(tmp_path)
    short = answer(study, measure(study, diagnose(study)))[0].sentences
    assert short[0] == (
        f"In training speed against plain, of 2 tasks: residual needs fewer epochs in 1, {CANNOT_TELL} in 1."
    )
