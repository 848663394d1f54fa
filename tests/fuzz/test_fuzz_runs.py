"""Damaged run folders cause no traceback, and undamaged runs stay in the report, the ledger and the comparison.

Each case copies valid run folders, damages one file at random, and calls the function of a command.
"""

import contextlib
import io
import json
import shutil
from collections import Counter
from random import Random

import pytest

from rpt import ledger
from rpt.config.check import check
from rpt.replay import repeatable
from rpt.report.measure.numbers import measure
from rpt.report.page.page import render
from rpt.report.page.write import write_report
from rpt.report.read.collect import collect
from rpt.report.read.diagnostics import diagnose
from rpt.report.say.answer import answer
from rpt.report.say.headline import headline
from rpt.report.tables.study import tables
from rpt.reproduce import __main__ as reproduce
from rpt.runs import train
from rpt.sweep.ledger import FOLDER, register
from rpt.sweep.point import Point
from rpt.sweep.prepare import Prepared
from rpt.tracking import lease
from tests.fuzz.mutate import mutate_bytes, mutate_json, outcome
from tests.support.composed import compose
from tests.support.report_fixture import write_run

CASES = {"report": 200, "ledger": 350, "reproduce": 200, "replay": 150}
"""Number of damaged folders for each command."""

NUM_WRITTEN = 3
"""Number of accepted cases for which the whole report is written."""


def damage(file, random):
    """Change a file at random: a value of its JSON, or its bytes."""
    is_json = file.suffix in (".json", "") and file.exists()
    if file.suffix == ".jsonl" and random.random() < 0.7:
        lines = file.read_text().split("\n")
        number = random.randrange(len(lines) - 1)
        lines[number] = json.dumps(mutate_json(json.loads(lines[number]), random))
        file.write_text("\n".join(lines))
    elif is_json and random.random() < 0.8:
        file.write_text(json.dumps(mutate_json(json.loads(file.read_text()), random)))
    else:
        file.write_bytes(mutate_bytes(file.read_bytes(), random))
    return str(file)


def fuzz(name, whole, files, command, tmp_path):
    """Run a command on copies of a folder, each with one damaged file.

    Args:
        name: Key of `CASES`.
        whole: The undamaged folder.
        files: Files that may be damaged, relative to `whole`; a file is drawn as often as it is listed.
        command: Function that is called with the path of the copy.
        tmp_path: Folder that gets the copies.
    """
    endings, broken = Counter(), {}
    assert outcome(lambda: command(whole)) == "accepted"
    for case in range(CASES[name]):
        random = Random(f"{name} {case}")
        folder = shutil.copytree(whole, tmp_path / str(case) / whole.name)
        file = random.choice(files)
        damage(folder / file, random)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        ending = outcome(lambda folder=folder: command(folder))
        if ending.startswith("broken"):
            broken[f"{case}: {file}"] = ending
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before, case
        endings[ending.partition(":")[0]] += 1
        shutil.rmtree(folder.parent)
    assert not broken, json.dumps(broken, indent=1)
    return endings


def output_of(main, folder):
    """Return exit code, output and errors of a command."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main([str(folder)])
    return code, out.getvalue(), errors.getvalue()


def relative_files(root, *names):
    return sorted(path.relative_to(root) for name in names for path in root.glob(f"*/{name}"))


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
def test_damaged_runs_are_left_out_of_a_report(tmp_path):
    root = tmp_path / "runs"
    root.mkdir()
    for encoder in ("plain", "residual"):
        for seed in (0, 1):
            write_run(root, f"encoder={encoder}", f"seed={seed}", "group=fuzzed", rows=16)
    write_run(root, "encoder=plain", "seed=2", "group=fuzzed", status="failed", rows=16)
    names = ("run.json", "run.json", "run.json", "metrics.csv", "predictions.jsonl", "diagnostics.json")
    files = [*relative_files(root, *names), *relative_files(root, "prompt.safetensors")]
    reported = []

    def report(folder):
        study = collect(folder)
        diagnoses = diagnose(study)
        numbers = measure(study, diagnoses)
        found, words = tables(study, numbers, diagnoses), answer(study, numbers)
        first = headline(study, numbers, words)
        render(study, found, words, [], diagnoses, headline=first, out=folder / "report", command="report")
        for message in (*study.damaged, *(message for diagnosis in diagnoses for message in diagnosis.damaged)):
            assert message.startswith(str(folder))
            assert len(message.splitlines()) == 1
        if len(reported) < NUM_WRITTEN:
            reported.append(write_report(folder, tmp_path / "reports" / str(len(reported)), None, "report"))

    endings = fuzz("report", root, files, report, tmp_path)
    assert len(reported) == NUM_WRITTEN
    assert endings["accepted"] > CASES["report"] // 2


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
def test_the_ledger_has_a_line_for_each_damaged_run_and_lease(configure, tmp_path):
    root = tmp_path / "runs"
    root.mkdir()
    folders = [write_run(root, f"seed={seed}", rows=8, status=status) for seed, status in enumerate(STATUSES)]
    config = configure()
    runs = [
        Prepared(Point(number, {}, f"seed={number}"), config, folder.name, folder)
        for number, folder in enumerate(folders)
    ]
    register(runs[:2], root)
    register(runs, root)
    for folder in folders:
        (folder / lease.NAME).write_text(json.dumps({**LEASE, "machine": lease.machine()}))
    sweeps = sorted(path.relative_to(root) for path in (root / FOLDER).glob("*.json"))
    files = [*relative_files(root, "run.json", lease.NAME), *sweeps, *sweeps]

    def show(folder):
        code, out, errors = output_of(ledger.main, folder)
        assert out.count("runs: ") + len(errors.splitlines()) == 2
        assert code == (2 if errors else 0)
        assert all(line.startswith(str(folder)) for line in errors.splitlines())

    endings = fuzz("ledger", root, files, show, tmp_path)
    assert endings["accepted"] == CASES["ledger"]


STATUSES = ("finished", "failed", "running", "interrupted")
LEASE = {"host": "node", "pid": 1, "started": "2026-11-23T03:49:43+00:00", "beat": 1.0, "token": "0"}


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
def test_damaged_runs_are_left_out_of_the_comparison_with_the_paper(tmp_path):
    root = tmp_path / "runs"
    root.mkdir()
    row = ("experiment=paper/t5_base/residual_n10", "task=rte", "data=hub")
    for seed in range(3):
        write_run(root, *row, f"seed={seed}", rows=277, skill=0.7)
    files = relative_files(root, "run.json")

    def compare(folder):
        code, out, errors = output_of(reproduce.main, folder)
        assert code == (2 if errors else 0)
        assert "rte" in out
        assert all(line.startswith(str(folder)) for line in errors.splitlines())

    endings = fuzz("reproduce", root, files, compare, tmp_path)
    assert endings["accepted"] == CASES["reproduce"]


@pytest.mark.slow
@pytest.mark.timeout(300, method="thread")
def test_a_damaged_run_is_refused_before_it_is_replayed(tiny_bert, tiny_cb, tmp_path):
    few = ["trainer=debug", "trainer.epochs=1", "data.max_rows=8", f"output_dir={tmp_path}"]
    (done,) = train([check(compose([*tiny_bert, *tiny_cb, *few]))])
    files = ["run.json"] * 4 + ["metrics.csv", "predictions.jsonl", "prompt.safetensors"]
    endings = fuzz("replay", done.folder, files, repeatable, tmp_path / "copies")
    assert endings["refused"] > CASES["replay"] // 4
