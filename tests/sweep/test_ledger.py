"""The ledger of a sweep lists its runs with their statuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rpt import ledger as command
from rpt.sweep.ledger import LedgerError, read, register, sweeps
from rpt.sweep.point import Point
from rpt.sweep.prepare import Prepared
from rpt.tracking.run_state import RunState, read_state

ROOT = Path(__file__).parents[2]
MOVE = "Move it away and start the sweep again: finished runs are found by their folders."


@pytest.fixture
def runs(configure, tmp_path):
    """Three runs without folders, whose output folder is `tmp_path/runs`."""
    config = configure()
    names = ("lr=1", "lr=2", "lr=3")
    return [
        Prepared(Point(number, {}, name), config, f"id-{name}", tmp_path / "runs" / f"run-{name}")
        for number, name in enumerate(names)
    ]


def write(run, record):
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "run.json").write_text(json.dumps(record))


def test_the_name_of_a_sweep_depends_on_its_runs_and_not_on_their_order(runs, tmp_path):
    first = register(runs, tmp_path / "runs")
    assert first.path.parent == tmp_path / "runs" / "sweeps"
    assert [(entry.name, entry.identity, entry.folder) for entry in first.entries] == [
        (run.point.name, run.identity_hash, run.folder) for run in runs
    ]
    content = first.path.read_bytes()
    assert register(runs[::-1], tmp_path / "runs") == first
    assert first.path.read_bytes() == content
    assert register(runs[:2], tmp_path / "runs").path != first.path


def test_a_ledger_can_be_moved_with_its_runs(runs, tmp_path):
    registered = register(runs, tmp_path / "runs")
    write(runs[0], {"status": "finished", "scores": {"score": 0.5}})
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    moved = read(tmp_path / "elsewhere" / "sweeps" / registered.path.name)
    assert moved.states()["id-lr=1"] == RunState("finished", 0.5)


@pytest.mark.parametrize(
    ("record", "files", "state"),
    [
        (None, [], RunState("missing")),
        ({"status": "finished", "scores": {"score": 0.5}}, ["last.ckpt"], RunState("finished", 0.5)),
        (
            {"status": "finished", "scores": {"score": 0.5}, "best": {"held_out": {"score": 0.75}}},
            ["last.ckpt"],
            RunState("finished", 0.5, objective=0.75),
        ),
        ({"status": "failed", "error": "it diverged"}, [], RunState("failed", None, "it diverged")),
        ({"status": "running", "pack": {"members": ["a", "b"]}}, [], RunState("interrupted")),
        ({"status": "running", "pack": {"members": ["a"]}}, ["last.ckpt"], RunState("interrupted", members=("a",))),
        ({"status": "interrupted", "pack": {"members": ["a"]}}, ["last.ckpt"], RunState("interrupted", members=("a",))),
        ({"status": "running", "pack": {"members": ["a"]}}, ["previous.ckpt"], RunState("interrupted", members=("a",))),
        ({"status": "interrupted", "error": "disk full"}, [], RunState("interrupted", error="disk full")),
    ],
)  # fmt: skip
def test_the_status_of_a_run_is_read_from_its_folder(record, files, state, tmp_path):
    if record is not None:
        (tmp_path / "run.json").write_text(json.dumps(record))
    for name in files:
        (tmp_path / name).touch()
    assert read_state(tmp_path) == state


def test_a_run_whose_record_cannot_be_read_has_the_status_failed(tmp_path):
    (tmp_path / "run.json").write_text("{")
    state = read_state(tmp_path)
    assert state.status == "failed"
    assert state.error.startswith(f"{tmp_path}/run.json: is not JSON (")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"is no ledger of rpt \("),
        ("[]", r"is no ledger of rpt \("),
        ('{"ledger": 1}', r"is no ledger of rpt \(it has no schema\)"),
        (
            '{"ledger": 99, "schema": 1}',
            r"was written by another version \(schemas 99 and 1; this rpt reads 1, and 2 or 3\)",
        ),
    ],
)
def test_a_ledger_that_cannot_be_read_is_refused_with_advice(content, message, runs, tmp_path, capsys):
    path = register(runs, tmp_path / "runs").path
    path.write_text(content)
    with pytest.raises(LedgerError, match=f"{path}: {message}.*{MOVE}"):
        register(runs, tmp_path / "runs")
    other = register(runs[:1], tmp_path / "runs")
    found, errors = sweeps(tmp_path / "runs")
    assert [sweep.path for sweep in found] == [other.path]
    assert len(errors) == 1
    assert command.main([str(tmp_path / "runs")]) == 2
    output = capsys.readouterr()
    assert "1 run: 1 missing" in output.out
    assert output.err.startswith(f"{path}: ")


def test_the_ledger_of_an_older_rpt_is_read(runs, tmp_path):
    path = register(runs, tmp_path / "runs").path
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    found, errors = sweeps(tmp_path / "runs")
    assert (len(found[0].entries), errors) == (len(runs), [])


def test_the_table_has_a_line_for_each_run(runs, tmp_path, capsys):
    registered = register(runs, tmp_path / "runs")
    write(runs[0], {"status": "finished", "scores": {"score": 0.5}})
    write(runs[1], {"status": "failed", "error": "its loss is not a number"})
    write(runs[2], {"status": "interrupted", "error": "StorageError: no space left"})
    assert command.main([str(tmp_path / "runs")]) == 0
    assert capsys.readouterr().out == (
        f"{registered.path}  started {registered.started}  3 runs: 1 finished, 1 failed, 1 interrupted\n"
        "  finished     0.500  lr=1  run-lr=1\n"
        "  failed              lr=2  run-lr=2  its loss is not a number\n"
        "  interrupted         lr=3  run-lr=3  StorageError: no space left\n"
    )
    assert command.main([str(tmp_path / "runs"), "--json"]) == 0
    [sweep] = json.loads(capsys.readouterr().out)
    assert [(run["status"], run["score"], run["error"]) for run in sweep["runs"]] == [
        ("finished", 0.5, None),
        ("failed", None, "its loss is not a number"),
        ("interrupted", None, "StorageError: no space left"),
    ]


def test_a_folder_without_sweeps_is_refused(tmp_path, capsys):
    assert command.main([str(tmp_path)]) == 2
    message = f"{tmp_path}/sweeps: holds no ledger. Name the output_dir of a sweep, such as runs.\n"
    assert capsys.readouterr().err == message


def test_the_ledger_imports_no_heavy_library():
    heavy = ("torch", "transformers", "lightning", "datasets")
    modules = "rpt.ledger, rpt.sweep.launch, hydra_plugins.rpt_packed.launcher"
    code = f"import sys, {modules}; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr
