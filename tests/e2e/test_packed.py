"""`hydra/launcher=packed`: a sweep as few trainings, whose runs are those of single runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rpt.config import compose
from rpt.module import PromptTuner
from rpt.packing.campaign import Campaign
from rpt.packing.launch import launch
from rpt.packing.ledger import register
from rpt.packing.point import Point, Result
from rpt.packing.prepare import prepare
from rpt.packing.settings import Settings
from rpt.tracking.folder import RunFolder

POINTS = ["encoder=plain", "encoder=residual", "encoder=residual lr=0.03", "encoder=mlp prompt.length=3"]


def records(folder):
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("*/run.json"))}


def steps(folder):
    """The steps of a run's curve, in the order in which they were written."""
    lines = (folder / "metrics.csv").read_text().splitlines()
    return [int(line.split(",")[0]) for line in lines[1:] if line.split(",")[2]]


@pytest.fixture
def points(tiny_bert, tiny_cb, tmp_path):
    """Points of a sweep over the tiny backbone, two epochs of four steps each."""
    common = [*tiny_bert, *tiny_cb, f"output_dir={tmp_path / 'runs'}", "trainer.epochs=2"]

    def make(overrides, *more):
        return [Point(n, compose([*common, *more, *one.split()]), one) for n, one in enumerate(overrides)]

    return make


@pytest.fixture
def sweep(points, tmp_path):
    """Start a sweep in this process; returns its results, and by point whether this start brought it about."""

    def start(overrides, *more, **settings):
        new = {}
        made = points(overrides, *more)
        results = launch(
            made, Settings(**settings), lambda p, _, is_new: new.update({p.name: is_new}), tmp_path / "runs"
        )
        return results, new

    return start


def test_a_pack_leaves_the_records_of_single_runs(sweep, tmp_path):
    results, new = sweep(POINTS)
    assert [result.status for result in results] == ["finished"] * 4
    assert list(new.values()) == [True] * 4
    made = records(tmp_path / "runs")
    assert [str(tmp_path / "runs" / name) for name in made] == sorted(result.folder for result in results)
    assert {record["pack"]["size"] for record in made.values()} == {4}
    assert {Path(result.folder).name: result.score for result in results} == {
        name: record["scores"]["score"] for name, record in made.items()
    }


def test_a_finished_sweep_trains_nothing(sweep, tmp_path):
    first, _ = sweep(POINTS[:2])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    again, new = sweep(POINTS[:2])
    assert again == first
    assert list(new.values()) == [False, False]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    assert after == before


def test_a_larger_sweep_trains_only_what_is_missing(sweep, tmp_path):
    sweep(POINTS[:2])
    _, new = sweep(POINTS, pack_size=1)
    assert list(new.values()) == [False, False, True, True]
    assert len(list((tmp_path / "runs" / "sweeps").glob("*.json"))) == 2


def test_a_point_that_fails_fails_alone_and_is_tried_again_only_on_request(sweep, tmp_path):
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


def test_a_value_that_only_the_data_refuses_stops_no_other_point_of_the_pack(sweep):
    results, _ = sweep(["encoder=plain", "encoder=plain warmup_steps=8", "encoder=plain lr=1"])
    assert [result.status for result in results] == ["finished", "refused", "finished"]
    assert results[1].error.startswith("warmup_steps = 8: must be less than the 8 steps of this training.")


def test_points_that_are_the_same_run_are_named_and_trained_once(sweep, tmp_path, capsys):
    results, new = sweep(["encoder=plain lr=0.01", "encoder=plain"])
    assert capsys.readouterr().out == "the same run 2 times, trained once: encoder=plain lr=0.01; encoder=plain\n"
    assert results[0].folder == results[1].folder
    assert results[0].score == results[1].score
    assert list(new.values()) == [True, False]


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
        "folder.write_record({**record, 'status': 'running'})\n"
        "print('open', flush=True)\n"
        "time.sleep(2)\n"
        "folder.write_record({**record, 'warnings': ['by the other']})\n"
        "folder.close()\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, first.folder], stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "open\n"
    results, new = sweep(POINTS[:2])
    assert other.wait() == 0
    other.stdout.close()
    assert [result.status for result in results] == ["finished", "finished"]
    assert list(new.values()) == [True, True]
    assert folder.read_record() == {**finished, "warnings": ["by the other"]}


def test_a_failed_run_rides_along_with_its_interrupted_pack_before_it_is_tried_again(sweep, tmp_path, monkeypatch):
    """A pack goes on whole or not at all, so a retry must wait for its end."""
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
    folder.write_record({**folder.read_record(), "status": "failed"})

    results, new = sweep(overrides, retry_failed=True)
    assert [result.status for result in results] == ["finished", "failed", "finished"]
    assert list(new.values()) == [True] * 3
    for name, record in records(runs).items():
        assert record["resumed_step"] == (0 if name == diverged else 4)
        assert steps(runs / name) == ([1, 2] if name == diverged else list(range(1, 9)))
    assert (runs / diverged / "superseded" / "1" / "last.ckpt").exists()


class Deadly:
    """An executor whose workers die before they write anything."""

    def run(self, packs, report, watch):
        for point in (point for pack in packs for point in pack):
            report(Result(point.number, "interrupted", error="a worker was lost"))


def test_points_whose_workers_die_are_interrupted_and_not_tried_for_ever(points, tmp_path):
    prepared, results = prepare(points(POINTS[:2])), []
    ledger = register(prepared.runs, tmp_path / "runs")
    Campaign(ledger, prepared.runs, Deadly(), Settings(), lambda result, is_new: results.append(result)).run()
    assert [(result.number, result.status) for result in results] == [(0, "interrupted"), (1, "interrupted")]
