"""`hydra/launcher=packed`: the points of a sweep train in packs, and each has the record of a single run."""

import json
import resource
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest

from rpt.sweep.coordinator import Coordinator
from rpt.sweep.executors.inline import InlineExecutor
from rpt.sweep.ledger import register
from rpt.sweep.point import Result
from rpt.sweep.prepare import prepare
from rpt.sweep.settings import Settings
from rpt.tracking.folder import RunFolder
from rpt.tracking.run_state import read_state
from rpt.training.module import PromptTuner

POINTS = ["encoder=plain", "encoder=residual", "encoder=residual lr=0.03", "encoder=mlp prompt.length=3"]


def records(folder):
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("*/run.json"))}


def steps(folder):
    """Return the numbers of the training steps in a run's metrics.csv, in the order of the lines."""
    lines = (folder / "metrics.csv").read_text().splitlines()
    return [int(line.split(",")[0]) for line in lines[1:] if line.split(",")[2]]


def test_every_point_of_a_pack_has_a_run_folder_with_a_record(sweep, tmp_path):
    results, new = sweep(POINTS)
    assert [result.status for result in results] == ["finished"] * 4
    assert list(new.values()) == [True] * 4
    written = records(tmp_path / "runs")
    assert [str(tmp_path / "runs" / name) for name in written] == sorted(result.folder for result in results)
    assert {record["pack"]["size"] for record in written.values()} == {4}
    assert {Path(result.folder).name: result.score for result in results} == {
        name: record["scores"]["score"] for name, record in written.items()
    }


def test_a_finished_sweep_trains_nothing(sweep, tmp_path):
    first, _ = sweep(POINTS[:2])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    again, new = sweep(POINTS[:2])
    assert again == first
    assert list(new.values()) == [False, False]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_a_larger_sweep_trains_only_the_new_points(sweep, tmp_path):
    sweep(POINTS[:2])
    _, new = sweep(POINTS, pack_size=1)
    assert list(new.values()) == [False, False, True, True]
    assert len(list((tmp_path / "runs" / "sweeps").glob("*.json"))) == 2


@pytest.mark.slow
def test_a_point_that_fails_stops_no_other_point_and_is_tried_again_only_on_request(sweep, tmp_path):
    overrides = ["encoder=plain lr=1e30", "encoder=plain", "encoder=plain lr=0"]
    results, _ = sweep(overrides)
    assert [result.status for result in results] == ["failed", "finished", "refused"]
    assert results[0].error.endswith("its loss is not a number. Lower lr, or set clip_norm=1.")
    failed = tmp_path / "runs" / Path(results[0].folder).name
    started = records(tmp_path / "runs")[failed.name]

    results, new = sweep(overrides)
    assert (results[0].status, new[overrides[0]]) == ("failed", False)
    assert results[0].error == "its loss is not a number"
    assert records(tmp_path / "runs")[failed.name] == started

    results, new = sweep(overrides, retry_failed=True)
    assert (results[0].status, new[overrides[0]], new[overrides[1]]) == ("failed", True, False)
    assert json.loads((failed / "superseded" / "1" / "run.json").read_text()) == started


@pytest.mark.slow
def test_a_value_that_only_the_data_refuses_stops_no_other_point_of_the_pack(sweep):
    results, _ = sweep(["encoder=plain", "encoder=plain warmup_steps=8", "encoder=plain lr=1"])
    assert [result.status for result in results] == ["finished", "refused", "finished"]
    assert results[1].error.startswith("warmup_steps = 8: must be less than the 8 steps of this training.")


@pytest.mark.slow
def test_points_that_are_the_same_run_are_reported_and_trained_once(sweep, tmp_path, capsys):
    results, new = sweep(["encoder=plain lr=0.3", "encoder=plain"])
    assert (
        capsys.readouterr().out
        == "2 points describe the same run, which is trained once: encoder=plain lr=0.3; encoder=plain\n"
    )
    assert (results[0].folder, results[0].score) == (results[1].folder, results[1].score)
    assert list(new.values()) == [True, False]
    sweep([f"encoder=none lr={rate}" for rate in (0.1, 0.2, 0.3, 0.4)])
    assert capsys.readouterr().out.endswith("encoder=none lr=0.2; encoder=none lr=0.3; 1 more\n")


@pytest.mark.slow
def test_a_run_that_another_process_trains_is_waited_for(sweep, tmp_path):
    [first], _ = sweep(POINTS[:1])
    folder = RunFolder(Path(first.folder))
    finished = folder.read_record()
    code = (
        "import json, sys, time, pathlib\n"
        "from rpt.tracking.folder import RunFolder\n"
        "folder = RunFolder(pathlib.Path(sys.argv[1]))\n"
        "folder.open()\n"
        "record = folder.read_record()\n"
        "folder.write_record(record.updated(status='running'))\n"
        "print('open', flush=True)\n"
        "time.sleep(2)\n"
        "folder.write_record(record.updated(warnings=('by the other',)))\n"
        "folder.close()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, first.folder], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"
    results, new = sweep(POINTS[:2])
    assert other.wait() == 0
    other.stdout.close()
    assert [result.status for result in results] == ["finished", "finished"]
    assert list(new.values()) == [True, True]
    assert folder.read_record() == finished.updated(warnings=("by the other",))


@pytest.fixture
def interrupted(sweep, tmp_path, monkeypatch):
    """Overrides of three points whose pack was interrupted in its second epoch, and the folder name of a failed run."""
    overrides = ["encoder=plain", "encoder=plain lr=1e30", "encoder=residual"]
    step = PromptTuner.training_step

    def stopping(self, batch, batch_idx):
        if self.steps_done == 6:
            raise KeyboardInterrupt
        step(self, batch, batch_idx)

    monkeypatch.setattr(PromptTuner, "training_step", stopping)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        sweep(overrides)
    monkeypatch.undo()
    runs = tmp_path / "runs"
    [diverged] = [name for name, record in records(runs).items() if record["config"]["lr"] == 1e30]
    folder = RunFolder(runs / diverged)
    folder.write_record(folder.read_record().updated(status="failed"))
    return overrides, diverged


def test_a_failed_run_in_a_resumed_pack_is_not_reported_a_second_time(interrupted, sweep):
    overrides, _ = interrupted
    reports = []
    _, new = sweep(overrides, watch=reports.append)
    assert new == {overrides[0]: True, overrides[1]: False, overrides[2]: True}
    assert {name for report in reports for name in report.runs} == {overrides[0], overrides[2]}


def test_a_failed_run_is_tried_again_after_its_interrupted_pack_has_finished(interrupted, sweep, tmp_path):
    """A pack can be resumed only with all its runs, so the failed run starts again when the pack has finished."""
    overrides, diverged = interrupted
    runs = tmp_path / "runs"
    results, new = sweep(overrides, retry_failed=True)
    assert [result.status for result in results] == ["finished", "failed", "finished"]
    assert list(new.values()) == [True] * 3
    for name, record in records(runs).items():
        assert record["resumed_step"] == (0 if name == diverged else 4)
        assert steps(runs / name) == ([1, 2] if name == diverged else list(range(1, 9)))
    assert (runs / diverged / "superseded" / "1" / "last.ckpt").exists()


def fill_the_disk():
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))


def raise_error():
    raise ValueError("shapes do not fit")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("breaks", "error", "reason"),
    [
        (fill_the_disk, "StorageError", "last.ckpt: cannot be written (File too large). Free some space"),
        (raise_error, "ValueError", "shapes do not fit"),
    ],
)
def test_an_error_of_the_whole_pack_interrupts_all_points_and_the_sweep_can_be_resumed(
    breaks, error, reason, sweep, tmp_path, monkeypatch
):
    overrides, calls = ["encoder=plain", "encoder=plain lr=1e30", "encoder=residual"], count()
    step, limits = PromptTuner.training_step, resource.getrlimit(resource.RLIMIT_FSIZE)

    def breaking(self, batch, batch_idx):
        if next(calls) == 6:  # after a checkpoint, and after a run has diverged
            breaks()
        step(self, batch, batch_idx)

    monkeypatch.setattr(PromptTuner, "training_step", breaking)
    try:
        results, _ = sweep(overrides)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert next(calls) == (8 if breaks is fill_the_disk else 7)  # the pack was trained once
    assert [(result.status, reason in result.error) for result in results] == [("interrupted", True)] * 3
    runs = tmp_path / "runs"
    states = [read_state(path.parent) for path in runs.glob("*/run.json")]
    assert [state.status for state in states] == ["interrupted"] * 3
    assert all(state.error.startswith(f"{error}: ") and reason in state.error for state in states)

    results, new = sweep(overrides, retry_failed=True)
    assert [result.status for result in results] == ["finished", "failed", "finished"]
    assert list(new.values()) == [True] * 3
    for name, record in records(runs).items():
        assert record["resumed_step"] == 4
        assert steps(runs / name) == ([1, 2] if record["config"]["lr"] == 1e30 else list(range(1, 9)))
        assert not (runs / name / "superseded").exists()


class WorkersDie(InlineExecutor):
    """Executor whose workers die before they write a file."""

    def run(self, packs, report, watch):
        for point in (point for pack in packs for point in pack):
            report(Result(point.number, "interrupted", error="a worker was lost"))


def test_points_whose_workers_die_are_interrupted_after_a_limited_number_of_tries(points, tmp_path):
    prepared, results = prepare(points(POINTS[:2])), []
    ledger = register(prepared.runs, tmp_path / "runs")
    Coordinator(ledger, prepared.runs, WorkersDie(), Settings(), lambda result, is_new: results.append(result)).run()
    assert [(result.number, result.status) for result in results] == [(0, "interrupted"), (1, "interrupted")]
