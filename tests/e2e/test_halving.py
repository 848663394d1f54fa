"""Successive halving of a packed sweep: statuses, repeated commands, interruptions, and readers of stopped runs."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from rpt.config.check import check
from rpt.errors import ConfigError
from rpt.ledger import main as ledger
from rpt.replay import recorded
from rpt.report.read.collect import collect
from rpt.runs import NOT_BEGUN, Outcome, train
from rpt.sweep import work
from rpt.sweep.halving import with_competitors
from rpt.sweep.prepare import prepare
from rpt.sweep.settings import Settings
from rpt.tracking.record import Record
from tests.support.packs import files

POINTS = [f"encoder={encoder} lr={rate}" for encoder in ("plain", "residual") for rate in (0.3, 0.0001, 0.1)]
OPTIONS = {"halving": {"rungs": 2}}
EPOCHS = "trainer.epochs=4"


def bytes_of(results):
    """Return the bytes of the result files of each point, by the name of the run's folder."""
    outcomes = [Outcome(Path(result.folder), NOT_BEGUN) for result in results]
    return {outcome.folder.name: files(outcome) for outcome in outcomes}


def decisions(results):
    return [Record.read(result.folder).halving for result in results]


def test_a_sweep_with_halving_finishes_the_best_points_and_trains_nothing_when_repeated(sweep, tmp_path, capsys):
    results, new = sweep(POINTS, EPOCHS, **OPTIONS)
    assert [[result.status for result in results[i : i + 3]].count("finished") for i in (0, 3)] == [1, 1]
    assert {result.status for result in results} == {"finished", "stopped"}
    assert set(new.values()) == {True}
    for result in results:
        assert (result.score is None) == (result.status == "stopped")
        assert result.objective == Record.read(result.folder).best.held_out["score"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    again, new = sweep(POINTS, EPOCHS, **OPTIONS)
    assert again == results
    assert set(new.values()) == {False}
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*") if path.is_file()} == before

    assert ledger([str(tmp_path / "runs")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("6 runs: 2 finished, 4 stopped")
    assert sum("stopped at rung " in line and "held-out score" in line for line in lines) == 4

    study = collect(tmp_path / "runs")
    assert {run.folder.name for run in study.runs} == {Path(r.folder).name for r in results if r.status == "finished"}
    assert {path.name for path in study.stopped} == {Path(r.folder).name for r in results if r.status == "stopped"}
    assert study.unfinished == {}
    [note] = [note for note in study.notes if "halving" in note]
    assert note.startswith("Successive halving stopped 4 of 6 runs before their last epoch")

    stopped = next(Path(result.folder) for result in results if result.status == "stopped")
    with pytest.raises(ConfigError, match=r"was stopped by successive halving .* without hydra\.launcher\.halving"):
        recorded(stopped)


@pytest.mark.slow
def test_without_halving_stopped_points_are_trained_anew(sweep):
    results, _ = sweep(POINTS[:3], EPOCHS, "packing.exact=true", **OPTIONS)
    whole, new = sweep(POINTS[:3], EPOCHS, "packing.exact=true")
    assert [result.status for result in whole] == ["finished"] * 3
    was_stopped = [result.status == "stopped" for result in results]
    assert [new[name] for name in POINTS[:3]] == was_stopped
    assert [(Path(result.folder) / "superseded" / "1" / "run.json").exists() for result in whole] == was_stopped
    again, new = sweep(POINTS[:3], EPOCHS, "packing.exact=true", **OPTIONS)
    assert [result.status for result in again] == ["finished"] * 3
    assert set(new.values()) == {False}


@pytest.mark.slow  # about 15 s
@pytest.mark.parametrize("steps", [[4], [5, 8], [9]])
def test_an_interrupted_sweep_makes_the_same_decisions_with_the_same_bits(steps, sweep, stop, tmp_path):
    whole, _ = sweep(POINTS, EPOCHS, **OPTIONS)
    expected = [result.status for result in whole], decisions(whole), bytes_of(whole)
    shutil.rmtree(tmp_path / "runs")
    stop(steps, lambda: os.kill(os.getpid(), signal.SIGTERM))
    for _ in steps:
        with pytest.raises(SystemExit):
            sweep(POINTS, EPOCHS, **OPTIONS)
    resumed, _ = sweep(POINTS, EPOCHS, **OPTIONS)
    assert ([result.status for result in resumed], decisions(resumed), bytes_of(resumed)) == expected


@pytest.mark.slow
def test_a_sweep_that_is_interrupted_with_halving_and_resumed_without_it_trains_every_point(sweep, stop):
    stop([9], lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit):
        sweep(POINTS[:3], EPOCHS, "packing.exact=true", **OPTIONS)
    results, _ = sweep(POINTS[:3], EPOCHS, "packing.exact=true")
    assert [result.status for result in results] == ["finished"] * 3
    steps = [json.loads((Path(result.folder) / "run.json").read_text())["steps"] for result in results]
    assert steps == [16, 16, 16]
    warnings = [warning for result in results for warning in Record.read(result.folder).warnings]
    assert not any("not exact to the last bit" in warning for warning in warnings)


def test_a_value_that_only_the_data_refuses_refuses_its_whole_pack(points):
    made = points(["lr=0.1", "lr=0.2 warmup_steps=8", "lr=0.3"])
    runs = with_competitors(prepare(made).runs, Settings(halving={"rungs": 1}))
    results = work.train_pack([run.point for run in runs])
    assert [result.status for result in results] == ["refused"] * 3
    assert "warmup_steps = 8" in results[0].error
    assert results[0].error.endswith(work.TOGETHER)


def test_the_identity_of_a_run_does_not_depend_on_halving(sweep, points, tmp_path):
    results, _ = sweep(POINTS[:3], EPOCHS, **OPTIONS)
    alone = train([check(points(POINTS[:1], EPOCHS, f"output_dir={tmp_path / 'alone'}")[0].values)])[0]
    assert alone.folder.name == Path(results[0].folder).name


def test_halving_is_refused_on_the_command_line_before_training(command, start_folder):
    launcher = ["-m", "hydra/launcher=packed", "task=cb", "seed=0,1", "trainer.device=cpu"]
    done = command(*launcher, "hydra.launcher.halving.rungs=3")
    assert "hydra.launcher.halving.rungs = 3: no rung would stop a point" in done.stdout
    assert done.returncode == 2
    assert list(start_folder.glob("runs/*/run.json")) == []
