"""The numbers of a report are those of its runs."""

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


def test_every_point_has_the_mean_of_its_runs(study, found):
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
    tuned = {one.method: one.curve.tuned for one in numbers.robustness}
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


def test_robustness_follows_the_curve(numbers, found):
    for row, one in zip(by_name(found["robustness"]), numbers.robustness, strict=True):
        means = one.curve.scores.mean(axis=1)
        assert row["best"].value == pytest.approx(means.max())
        assert row["worst"].value == pytest.approx(means.min())
        assert row["average"].value == pytest.approx(means.mean())
        assert row["best_at"] == value_text(RATES[int(means.argmax())])
    plain = by_name(found["robustness"])[0]
    assert plain["encoder"] == "plain"
    assert plain["failed"] >= 2
    assert plain["failed_share"].value == pytest.approx(plain["failed"] / plain["runs"])


def test_differences_are_those_of_the_means(study, numbers, found):
    means = {one.method: one.curve.scores.mean() for one in numbers.robustness}
    rows = [row for row in by_name(found["comparisons"]) if row["compared"].startswith("averaged over 3 points")]
    assert len(rows) == 6
    for row in rows:
        assert row["difference"].value == pytest.approx(means[row["ours"]] - means[row["theirs"]])
    assert {row["ours"] for row in rows[:3]} == {"residual"}


def test_the_answer_is_one_family_and_the_rest_of_the_page_another(numbers):
    every = [*numbers.sweep, *numbers.tuned, *numbers.by_point, *numbers.by_value, *numbers.majority, *numbers.paces]
    for name in ("answer", "exploratory"):
        members = [one for one in every if one.family == name]
        assert [one.p_holm for one in members] == pytest.approx(holm([one.comparison.p for one in members]))
    told = [(one.first, one.second) for one in every if one.family == "answer"]
    of_residual = [("residual", other) for other in ("plain", "mlp", "lstm", "head alone")]
    assert sorted(told) == sorted([*of_residual, *((method, "majority") for method in METHODS)])


def test_a_claim_of_the_words_rests_on_the_answers_family_alone(study, numbers):
    open_ones = [replace(pair, p_holm=1.0) if pair.family == "answer" else pair for pair in numbers.sweep]
    sure = [replace(pair, p_holm=0.0) for pair in open_ones if pair.family == "exploratory"]
    kept = [pair for pair in open_ones if pair.family == "answer"]
    text = " ".join(map(str, answer(study, replace(numbers, sweep=[*kept, *sure]))))
    assert len(sure) == 3
    assert "of 3 differences from residual the data support none" in text


def test_every_table_of_sample_rows_says_so(found):
    names = "robustness comparisons scores baselines runs diagnostics convergence paces"
    assert {*names.split()} <= found.keys()
    assert all(table.caption.startswith("SAMPLE DATA: not a SuperGLUE score. ") for table in found.values())


def test_every_file_of_a_table_of_sample_rows_says_so(found):
    for table in found.values():
        lines = [*csv.DictReader(io.StringIO(to_csv(table)))]
        assert [line["data"] for line in lines] == ["sample"] * len(table.rows)
        assert all("SAMPLE DATA: not a SuperGLUE score." in to_text(table) for to_text in (to_markdown, to_latex))


def test_every_table_is_latex_that_stock_pdflatex_reads(tmp_path):
    """It stops on signs that are not ASCII, and messages may have any."""
    rates = (0.01, 0.3, 3.0)
    options = {"methods": ("plain",), "run_std": 0.0, "diverged": (), "baselines": False}
    study = collect(write_study(tmp_path, rates=rates, warnings=["caf\u00e9 \u2265 \u4e2d\u00df\x07"], **options))
    made = {table.name: to_latex(table) for table in tables(study, measure(study), diagnose(study))}
    assert all(text.isascii() for text in made.values())
    assert r"caf\'e $\geq$ \texttt{U+4E2D}\ss{} " in made["runs"]


def test_tables_of_official_rows_do_not(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path, f"seed={seed}", "data=hub")
    study = collect(tmp_path)
    numbers = measure(study)
    diagnoses = diagnose(study)
    made = tables(study, numbers, diagnoses)
    assert not any("SAMPLE" in table.caption for table in made)
    assert {table.data for table in made} == {"hub"}
    assert not any("SAMPLE" in str(part) for part in answer(study, numbers))


def test_every_run_is_listed_and_those_that_failed_say_why(study, found):
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
    diagnosis = next(one for one in diagnose(study) if one.point.method == "residual")
    assert diagnosis.cosines.shape == (3, 3)
    assert np.diag(diagnosis.cosines) == pytest.approx(1)
    assert 0 < diagnosis.mean_cosine < 1
    assert diagnosis.prompts[0].nearest[0][0] == ("true", 0.5)
    assert diagnosis.prompts[0].gate is not None
    gates = diagnosis.histories[0].gate
    assert (np.diff(gates) > 0).all()
    best = diagnosis.histories[0].score.max()
    assert diagnosis.histories[0].score[int(diagnosis.epochs[0]) - 1] >= best - 0.01


def test_damaged_diagnostics_count_as_missing_and_are_named(tmp_path):
    folder = write_run(tmp_path)
    (folder / "diagnostics.json").write_text('{"nearest": []}')
    (found,) = diagnose(collect(tmp_path))
    assert (found.prompts, len(found.histories)) == ([None], 1)
    advice = "Train the run again with rerun=true."
    assert found.damaged == (f"{folder}/diagnostics.json: cannot be read (it has no norms). {advice}",)


def test_small_words(study):
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
