"""`python -m rpt.report` writes the report of a trained sweep, and refuses other folders."""

import csv
import json
import shutil

import pytest

from tests.support.preloaded import run_preloaded
from tests.support.report_fixture import write_run


def report(*arguments, cwd):
    return run_preloaded(["-m", "rpt.report", *map(str, arguments)], cwd=cwd)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_sweep_is_trained_and_reported(command, start_folder, tiny_bert, tiny_cb):
    grid = ("encoder=none,plain,residual", "lr=0.003,0.3", "seed=range(2)")
    options = ("trainer.epochs=2", "group=small", "question='Does it train?'")
    trained = command("-m", "hydra/launcher=packed", *grid, *options, *tiny_bert, *tiny_cb)
    assert trained.returncode == 0, trained.stdout
    done = report("runs", cwd=start_folder)
    assert done.returncode == 0, done.stderr
    out = start_folder / "runs" / "report"
    assert done.stdout.startswith("Does it train?\n\n")
    assert done.stdout.endswith("runs/report/index.html\n")
    assert "SAMPLE" not in done.stdout  # the report takes `tiny_cb` for official rows, because of its layout
    page = (out / "index.html").read_text()
    assert "Does it train?" in page
    assert {"tables/robustness.csv", "tables/scores.tex", "tables/runs.md", "figures/score-by-lr.pdf"} <= files(out)
    records = {path.parent.name: json.loads(path.read_text()) for path in start_folder.glob("runs/*/run.json")}
    with (out / "tables" / "runs.csv").open(newline="") as file:
        rows = {row["folder"]: row for row in csv.DictReader(file)}
    assert rows.keys() == records.keys()
    assert len(rows) == 2 * 2 * 2 + 2
    for name, row in rows.items():
        assert row["score"] == repr(records[name]["scores"]["score"])
        assert row["encoder"] == records[name]["chosen"]["encoder"].replace("none", "head alone")
    again = report("runs", cwd=start_folder)
    assert again.stdout == done.stdout
    assert (out / "index.html").read_text() == page
    assert sorted(entry.name for entry in out.iterdir()) == ["figures", "index.html", "manifest.json", "tables"]
    assert not list((start_folder / "runs").glob(".report*"))


@pytest.mark.slow  # starts a new process
def test_a_missing_folder_is_refused_in_a_line_and_nothing_is_written(start_folder):
    done = report("nowhere", cwd=start_folder)
    line = "nowhere: is not a folder. Name the output_dir of a sweep, such as runs/learning_rate.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)
    assert list(start_folder.iterdir()) == []


@pytest.mark.slow  # starts a new process
def test_a_folder_with_other_files_is_not_replaced(start_folder):
    write_run(start_folder / "runs")
    (start_folder / "mine").mkdir()
    (start_folder / "mine" / "thesis.tex").write_text("years")
    done = report("runs", "--out", "mine", cwd=start_folder)
    assert done.returncode == 2
    assert done.stderr == (
        "mine: is not a report of rpt, because it holds thesis.tex. A report replaces its folder. "
        "Name another folder with --out.\n"
    )
    assert (start_folder / "mine" / "thesis.tex").read_text() == "years"


@pytest.mark.slow
def test_an_earlier_report_is_kept_until_the_new_report_is_complete(start_folder):
    runs = start_folder / "runs"
    write_run(runs, "seed=0")
    folder = write_run(runs, "seed=1")
    assert report("runs", "--out", "out", cwd=start_folder).returncode == 0
    before = {name: (start_folder / "out" / name).read_bytes() for name in files(start_folder / "out")}
    records = {path: path.read_text() for path in runs.glob("*/run.json")}
    for path in records:
        path.write_text("{")  # no readable record is left
    done = report("runs", "--out", "out", cwd=start_folder)
    assert done.returncode == 2
    assert done.stderr.startswith("runs/")
    assert {name: (start_folder / "out" / name).read_bytes() for name in files(start_folder / "out")} == before
    for path, text in records.items():
        path.write_text(text)
    shutil.rmtree(folder)
    assert report("runs", "--out", "out", cwd=start_folder).returncode == 0
    after = {name: (start_folder / "out" / name).read_bytes() for name in files(start_folder / "out")}
    assert after["tables/runs.csv"] != before["tables/runs.csv"]
    assert [entry.name for entry in start_folder.iterdir() if entry.name.startswith(".")] == []
