"""The numbers of a report agree with its runs."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from rpt.console import several
from rpt.report.measure.numbers import measure
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.say.answer import answer
from rpt.report.say.words import at_text, listed, value_text
from rpt.report.tables.study import tables
from rpt.report.tables.writers import to_csv, to_latex, to_markdown
from rpt.stats.paired import holm
from tests.support.packs import curve
from tests.support.report_fixture import METHODS, by_name, write_run, write_study

RATES = (0.0003, 0.01, 0.3)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    write_study(root, rates=RATES, diverged=(("plain", 0.3, 0), ("plain", 0.3, 1)), run_std=0.02, rows=200)
    return collect(root)


@pytest.fixture(scope="module")
def numbers(study):
    return measure(study, diagnose(study))


@pytest.fixture(scope="module")
def found(study, numbers):
    return {table.name: table for table in tables(study, numbers, diagnose(study))}


def test_every_point_has_mean_and_standard_deviation_of_its_runs(study, found):
    rows = by_name(found["scores"])
    assert len(rows) == len(METHODS) * len(RATES)
    for row in rows:
        runs = [run for run in study.runs if run.method == row["encoder"] and value_text(run.values["lr"]) == row["lr"]]
        scores = [run.score for run in runs]
        assert row["score"].value == pytest.approx(np.mean(scores))
        assert row["spread"].value == pytest.approx(np.std(scores, ddof=1))
        assert row["failed"] == sum(run.is_failed for run in runs)
        assert (row["seeds"], row["runs"]) == (3, 3)


def test_convergence_counts_epochs_until_a_run_is_within_a_point_of_its_best(study, numbers, found):
    tuned = {measured.method: measured.curve.tuned for measured in numbers.robustness}
    rows = by_name(found["convergence"])
    assert [row["encoder"] for row in rows] == list(METHODS)
    for row in rows:
        needed = []
        for run in tuned[row["encoder"]].runs:
            scores = curve(run)["held_out/score"]
            needed.append(next(epoch for epoch, score in enumerate(scores, 1) if score >= max(scores) - 0.01))
        assert row["epochs"].value == pytest.approx(np.mean(needed))
        assert row["spread"] == pytest.approx(np.std(needed, ddof=1))
        assert row["runs"] == 3


def test_the_table_of_robustness_agrees_with_the_curves(numbers, found):
    for row, measured in zip(by_name(found["robustness"]), numbers.robustness, strict=True):
        means = measured.curve.scores.mean(axis=1)
        assert row["best"].value == pytest.approx(means.max())
        assert row["worst"].value == pytest.approx(means.min())
        assert row["average"].value == pytest.approx(means.mean())
        assert row["best_at"] == value_text(RATES[int(means.argmax())])
    plain = by_name(found["robustness"])[0]
    assert plain["encoder"] == "plain"
    assert plain["failed"] >= 2
    assert plain["failed_share"].value == pytest.approx(plain["failed"] / plain["runs"])


def test_differences_are_differences_of_means(study, numbers, found):
    means = {measured.method: measured.curve.scores.mean() for measured in numbers.robustness}
    rows = [row for row in by_name(found["comparisons"]) if row["compared"].startswith("averaged over 3 points")]
    assert len(rows) == 6
    for row in rows:
        assert row["difference"].value == pytest.approx(means[row["ours"]] - means[row["theirs"]])
    assert {row["ours"] for row in rows[:3]} == {"residual"}


def test_the_answer_and_the_exploratory_comparisons_are_two_families_for_holm(numbers):
    pairs = [*numbers.sweep, *numbers.tuned, *numbers.by_point, *numbers.by_value, *numbers.majority, *numbers.paces]
    for name in ("answer", "exploratory"):
        family = [pair for pair in pairs if pair.family == name]
        assert [pair.p_holm for pair in family] == pytest.approx(holm([pair.comparison.p for pair in family]))
    of_answer = [(pair.first, pair.second) for pair in pairs if pair.family == "answer"]
    of_residual = [("residual", other) for other in ("plain", "mlp", "lstm", "head alone")]
    assert sorted(of_answer) == sorted([*of_residual, *((method, "majority") for method in METHODS)])


def test_sentences_claim_only_differences_of_the_family_of_the_answer(study, numbers):
    not_significant = [replace(pair, p_holm=1.0) if pair.family == "answer" else pair for pair in numbers.sweep]
    exploratory = [replace(pair, p_holm=0.0) for pair in not_significant if pair.family == "exploratory"]
    of_answer = [pair for pair in not_significant if pair.family == "answer"]
    text = " ".join(map(str, answer(study, replace(numbers, sweep=[*of_answer, *exploratory]))))
    assert len(exploratory) == 3
    assert "the data support none of 3 differences from residual" in text


def test_the_caption_of_every_table_names_sample_rows(found):
    names = "robustness comparisons scores baselines runs diagnostics convergence paces"
    assert {*names.split()} <= found.keys()
    assert all(table.caption.startswith("SAMPLE DATA: not a SuperGLUE score. ") for table in found.values())


def test_every_file_of_a_table_names_sample_rows(found):
    for table in found.values():
        lines = [*csv.DictReader(io.StringIO(to_csv(table)))]
        assert [line["data"] for line in lines] == ["sample"] * len(table.rows)
        assert all("SAMPLE DATA: not a SuperGLUE score." in to_text(table) for to_text in (to_markdown, to_latex))


def test_every_table_in_latex_has_only_ascii_characters(tmp_path):
    """pdflatex stops at characters that are not ASCII. Warnings of runs may have any characters."""
    rates = (0.01, 0.3, 3.0)
    options = {"methods": ("plain",), "run_std": 0.0, "diverged": (), "baselines": False}
    study = collect(write_study(tmp_path, rates=rates, warnings=["caf\u00e9 \u2265 \u4e2d\u00df\x07"], **options))
    latex = {table.name: to_latex(table) for table in tables(study, measure(study), diagnose(study))}
    assert all(text.isascii() for text in latex.values())
    assert r"caf\'e $\geq$ \texttt{U+4E2D}\ss{} " in latex["runs"]


def test_tables_of_official_rows_do_not_name_sample_rows(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path, f"seed={seed}", "data=hub")
    study = collect(tmp_path)
    numbers = measure(study)
    diagnoses = diagnose(study)
    all_tables = tables(study, numbers, diagnoses)
    assert not any("SAMPLE" in table.caption for table in all_tables)
    assert {table.data for table in all_tables} == {"hub"}
    assert not any("SAMPLE" in str(part) for part in answer(study, numbers))


def test_every_run_is_listed_and_failed_runs_have_their_error(study, found):
    rows = by_name(found["runs"])
    assert {row["folder"] for row in rows} == {run.folder.name for run in (*study.runs, *study.baselines)}
    diverged = [row for row in rows if row["status"] == "diverged"]
    assert len(diverged) == 2
    assert {row["warnings"] for row in diverged} == {"the loss is no number at step 12"}
    assert all(row["score"] is None for row in diverged)


def test_diagnostics_are_optional(tmp_path):
    write_run(tmp_path, "seed=0", diagnostics=False)
    write_run(tmp_path, "seed=1", diagnostics=False)
    study = collect(tmp_path)
    (diagnosis,) = diagnose(study)
    assert diagnosis.prompts == [None, None]
    assert diagnosis.mean_cosine is None
    assert np.isnan(diagnosis.histories[0].gate).all()
    assert len(diagnosis.histories[0].score) == 10
    assert "diagnostics" not in {table.name for table in tables(study, measure(study), [diagnosis])}


def test_diagnostics_are_read(study):
    diagnosis = next(diagnosis for diagnosis in diagnose(study) if diagnosis.point.method == "residual")
    assert diagnosis.cosines.shape == (3, 3)
    assert np.diag(diagnosis.cosines) == pytest.approx(1)
    assert 0 < diagnosis.mean_cosine < 1
    assert diagnosis.prompts[0].nearest[0][0] == ("true", 0.5)
    assert diagnosis.prompts[0].gate is not None
    gates = diagnosis.histories[0].gate
    assert (np.diff(gates) > 0).all()
    best = diagnosis.histories[0].score.max()
    assert diagnosis.histories[0].score[int(diagnosis.epochs[0]) - 1] >= best - 0.01


def test_damaged_diagnostics_are_treated_as_missing_and_listed(tmp_path):
    folder = write_run(tmp_path)
    (folder / "diagnostics.json").write_text('{"nearest": []}')
    (found,) = diagnose(collect(tmp_path))
    assert (found.prompts, len(found.histories)) == ([None], 1)
    advice = "Train the run again with rerun=true."
    assert found.damaged == (f"{folder}/diagnostics.json: cannot be read (it has no norms). {advice}",)


def test_values_settings_lists_and_plurals_as_text(study):
    assert [value_text(value) for value in (None, True, 0.0003, 10, "vocab")] == [
        "null",
        "true",
        "0.0003",
        "10",
        "vocab",
    ]
    assert at_text(study.axes, {"lr": 0.1, "other": 2}) == "learning rate 0.1, other 2"
    assert [listed(words) for words in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert [several(1, "run"), several(2, "run"), several(2, "box", "boxes")] == ["1 run", "2 runs", "2 boxes"]
