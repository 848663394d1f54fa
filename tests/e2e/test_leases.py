"""Two machines that use one run folder. A machine knows of the other only by the lease file."""

import json
from pathlib import Path

import pytest

from rpt.runs import train
from rpt.sweep import coordinator
from rpt.sweep.coordinator import Coordinator
from rpt.sweep.executors.inline import InlineExecutor
from rpt.sweep.ledger import register
from rpt.sweep.point import Result
from rpt.sweep.prepare import prepare
from rpt.sweep.settings import Settings
from rpt.tracking import lease
from rpt.tracking.folder import LeaseLost
from rpt.training.module import PromptTuner
from tests.support.leases import write_lease_of_another_machine

POINTS = ["encoder=plain", "encoder=residual"]
ENDED = lease.STALE_SECONDS + 1


@pytest.fixture
def settle(points, tmp_path, monkeypatch):
    """Train two points, each in its own pack; return the executor and the results by the point's number.

    The argument is a function that makes the executor from the run folder of the first point.
    """
    monkeypatch.setattr(coordinator, "POLL_SECONDS", 0.01)

    def start(make):
        runs, results = prepare(points(POINTS)).runs, []
        executor = make(runs[0].folder)
        ledger = register(runs, tmp_path / "runs")
        Coordinator(ledger, runs, executor, Settings(pack_size=1), lambda result, _: results.append(result)).run()
        return executor, {result.number: result for result in results}

    return start


class OtherMachineIsFirst(InlineExecutor):
    """Executor that finds the first pack in training on another machine, which finishes or dies at the end of a round.

    Attributes:
        folder: Run folder of the first point.
        other_finishes: Whether the other machine finishes its pack. Otherwise its lease becomes stale.
        rounds: Packs of each call of `run`, as numbers of points.
    """

    def __init__(self, folder, other_finishes):
        self.folder, self.other_finishes = folder, other_finishes
        self.rounds = []

    def run(self, packs, report, watch):
        self.rounds.append([[point.number for point in pack] for pack in packs])
        if len(self.rounds) > 1:
            super().run(packs, report, watch)
            return
        write_lease_of_another_machine(self.folder, age=0)
        super().run(packs, report, watch)
        if self.other_finishes:
            (self.folder / lease.NAME).unlink()
            super().run(packs[:1], lambda result: None, watch)
        else:
            write_lease_of_another_machine(self.folder, age=ENDED)


@pytest.mark.slow
@pytest.mark.parametrize("other_finishes", [True, False], ids=["that finishes", "that dies"])
def test_a_pack_in_training_on_another_machine_is_trained_again_only_if_that_machine_dies(other_finishes, settle):
    executor, results = settle(lambda folder: OtherMachineIsFirst(folder, other_finishes))
    assert [results[number].status for number in (0, 1)] == ["finished", "finished"]
    assert executor.rounds == [[[0], [1]], *([] if other_finishes else [[[0]]])]


class WorkersDied(InlineExecutor):
    """Executor without tries left. Its workers ran on another machine and have just died."""

    def __init__(self, folder):
        self.folder = folder
        self.rounds = 0

    def run(self, packs, report, watch):
        self.rounds += 1
        write_lease_of_another_machine(self.folder, age=lease.STALE_SECONDS - 2)
        for point in (point for pack in packs for point in pack):
            report(Result(point.number, "interrupted", error="a worker was lost"))


def test_points_that_the_executor_gave_up_are_not_trained_again_when_the_lease_becomes_stale(settle, capsys):
    executor, results = settle(WorkersDied)
    assert executor.rounds == 1
    assert [(results[number].status, results[number].error) for number in (0, 1)] == [
        ("interrupted", "a worker was lost")
    ] * 2
    assert capsys.readouterr().out == "waiting for 1 point that other processes train: process 12 on node7\n"


def folder_of(runs, rate):
    """Return the folder of the run with a learning rate."""
    records = ((path.parent, json.loads(path.read_text())) for path in runs.glob("*/run.json"))
    return next(folder for folder, record in records if record["config"]["lr"] == rate)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def taken_over_by_another_machine(monkeypatch, tmp_path):
    """Let another machine take over the run with lr 0.03 before the seventh step.

    The fixture is the content of the run folder at that time, by file name.
    """
    step, taken_over = PromptTuner.training_step, {}

    def stepping(self, batch, batch_idx):
        if self.steps_done == 6 and not taken_over:
            folder = folder_of(tmp_path / "runs", 0.03)
            write_lease_of_another_machine(folder, age=ENDED)
            taken_over.update(content(folder))
        step(self, batch, batch_idx)

    monkeypatch.setattr(PromptTuner, "training_step", stepping)
    return taken_over


def test_a_training_that_lost_its_lease_stops_and_overwrites_no_file(
    taken_over_by_another_machine, configure, tiny_cb, tmp_path
):
    with pytest.raises(LeaseLost, match=r"process 12 on node7 has taken this run over, because .* Run the same comman"):
        train([configure(*tiny_cb, f"lr={rate}") for rate in (0.01, 0.03)])
    lost, kept = (folder_of(tmp_path / "runs", rate) for rate in (0.03, 0.01))
    assert taken_over_by_another_machine["last.ckpt"]
    assert content(lost) == taken_over_by_another_machine
    assert json.loads((kept / "run.json").read_text())["status"] == "interrupted"
    assert not (kept / lease.NAME).exists()


@pytest.mark.slow
def test_a_sweep_waits_for_the_machine_that_took_its_pack_over_and_trains_each_step_once(
    taken_over_by_another_machine, sweep, capsys
):
    results, _ = sweep(["lr=0.01", "lr=0.03"])
    assert taken_over_by_another_machine
    assert "process 12 on node7 has taken this run over" in capsys.readouterr().err
    for result in results:
        record = json.loads(Path(result.folder, "run.json").read_text())
        assert (record["status"], record["resumed_step"]) == ("finished", 4)
        rows = Path(result.folder, "metrics.csv").read_text().splitlines()[1:]
        assert [int(row.split(",")[0]) for row in rows if row.split(",")[2]] == list(range(1, 9))
