"""Resuming a pack in which the folder of one run is missing or damaged.

The other runs are resumed. A run whose folder is missing starts again, and a damaged folder gives an error.
"""

import json
import shutil
from pathlib import Path

import pytest

from rpt.errors import CheckpointError, RptError
from rpt.runs import train
from tests.support.resuming import contents

EXACT = ["packing.exact=true", "backbone.dropout=false", "trainer.epochs=3"]
SEEDS = (0, 1, 2)


@pytest.fixture
def pack(stateful):
    """Make the configurations of a pack of three runs whose results equal those of single runs bit for bit."""

    def make(folder, *more):
        return [stateful(folder, *EXACT, *more, f"seed={seed}") for seed in SEEDS]

    return make


@pytest.fixture
def interrupted(pack, stop, tmp_path):
    """Interrupt a pack in step 10, after a checkpoint of step 8; return the folders of its runs by seed."""

    def make(*more):
        def broken():
            raise RuntimeError("something broke")

        stop([9], broken)
        with pytest.raises(RuntimeError, match="something broke"):
            train(pack("runs", *more))
        folders = {}
        for path in (tmp_path / "runs").glob("*/run.json"):
            folders[json.loads(path.read_text())["config"]["seed"]] = path.parent
        return folders

    return make


def remove(folder):
    shutil.rmtree(folder)


def lose_checkpoints(folder):
    for name in ("last.ckpt", "previous.ckpt"):
        (folder / name).unlink()


@pytest.mark.slow
@pytest.mark.parametrize("lose", [remove, lose_checkpoints])
def test_a_lost_run_starts_again_and_the_others_resume_to_the_same_bytes(lose, pack, interrupted):
    whole, folders = train(pack("whole")), interrupted()
    lose(folders[1])
    resumed = train(pack("runs"))
    assert [outcome.record.resumed_step for outcome in resumed] == [8, 0, 8]
    assert [outcome.record.pack.size for outcome in resumed] == [2, 1, 2]
    for outcome, expected in zip(resumed, whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)
        assert outcome.check().record.warnings == expected.record.warnings


def damage_checkpoint(folder):
    (folder / "last.ckpt").write_bytes(b"damaged")


def damage_record(folder):
    (folder / "run.json").write_text("{")


def add_link(folder):
    (folder / "adapter").symlink_to(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_checkpoint, r"last\.ckpt: is damaged .* put previous\.ckpt in its place, or set rerun=true\."),
        (damage_record, r"run\.json: is .* Move the folder away, or set rerun=true to train again\."),
        (add_link, r"adapter: is a link, .* Remove the link"),
    ],
)
def test_a_damaged_run_gives_an_error_and_the_others_resume(damage, message, pack, interrupted):
    whole, folders = train(pack("whole")), interrupted()
    damage(folders[1])
    outcomes = train(pack("runs"))
    with pytest.raises(RptError, match=message):
        outcomes[1].check()
    for index in (0, 2):
        assert outcomes[index].check().record.resumed_step == 8
        assert contents(outcomes[index].folder) == contents(whole[index].folder)
    with pytest.raises(RptError, match=message):
        train(pack("runs")[1:2])
    shutil.rmtree(folders[1])  # the error message advises this
    assert contents(train(pack("runs"))[1].folder) == contents(whole[1].folder)


@pytest.mark.slow
def test_a_run_with_an_older_checkpoint_resumes_from_it_in_a_pack_of_its_own(pack, interrupted):
    whole, folders = train(pack("whole")), interrupted()
    (folders[1] / "previous.ckpt").replace(folders[1] / "last.ckpt")  # the checkpoint of step 7
    for index in (0, 2):
        (folders[index] / "previous.ckpt").unlink()
    resumed = train(pack("runs"))
    assert [outcome.record.resumed_step for outcome in resumed] == [8, 7, 8]
    for outcome, expected in zip(resumed, whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)


@pytest.mark.slow
def test_a_run_that_was_finished_alone_does_not_stop_the_others_from_resuming(pack, interrupted):
    whole, _ = train(pack("whole")), interrupted()
    with pytest.raises(CheckpointError, match="was trained in a pack with other runs"):
        train(pack("runs")[:2])  # the interrupted third run could still be resumed with them
    train([pack("runs", "rerun=true")[2]])
    resumed = train(pack("runs"))
    assert [outcome.record.resumed_step for outcome in resumed] == [8, 8, 0]
    for outcome, expected in zip(resumed, whole, strict=True):
        assert contents(outcome.folder) == contents(expected.folder)


@pytest.mark.slow
def test_runs_that_resume_without_a_run_of_their_pack_have_a_warning(pack, interrupted):
    folders = interrupted("packing.exact=false")
    remove(folders[1])
    resumed = train(pack("runs", "packing.exact=false"))
    warning = "resumed without 1 run of its pack, so not exact to the last bit"
    assert [warning in outcome.record.warnings for outcome in resumed] == [True, False, True]
    assert {outcome.record.status for outcome in resumed} == {"finished"}


@pytest.mark.slow
@pytest.mark.parametrize("damage", [remove, damage_checkpoint, damage_record])
def test_a_sweep_resumes_without_a_damaged_run_and_reports_it(damage, sweep, tmp_path, monkeypatch):
    from rpt.training.module import PromptTuner

    step = PromptTuner.training_step

    def training_step(self, batch, batch_idx):
        if self.steps_done == 5:
            raise RuntimeError("something broke")
        step(self, batch, batch_idx)

    names = ["seed=0", "seed=1", "seed=2"]
    with monkeypatch.context() as breaks:
        breaks.setattr(PromptTuner, "training_step", training_step)
        assert {result.status for result in sweep(names)[0]} == {"interrupted"}
    [folder] = list((tmp_path / "runs").glob("*-s1-*"))
    damage(folder)
    results, _ = sweep(names)
    expected = "finished" if damage is remove else "failed"
    assert [result.status for result in results] == ["finished", expected, "finished"]
    if damage is not remove:
        assert results[1].error.startswith(f"{folder}/")
    assert json.loads(Path(results[0].folder, "run.json").read_text())["resumed_step"] == 4
