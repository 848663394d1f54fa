"""If other code began an interrupted run, a training is refused instead of starting a new run silently."""

import json

import pytest

from rpt.errors import ConfigError
from rpt.runs import train
from rpt.sweep.point import Point
from rpt.sweep.prepare import prepare
from rpt.tracking.identity import TRAINING_VERSION

CURE = "To train with the present code, set rerun=true, or move that folder away."


@pytest.fixture
def small(configure, tiny_cb):
    """Make the configuration of a short run."""
    return lambda *overrides: configure(*tiny_cb, "trainer.epochs=1", *overrides)


@pytest.fixture
def begun(small):
    """Train a run, and turn its folder into that of an interrupted run with another record and identity."""

    def make(change, status="interrupted"):
        folder = train([small()])[0].folder
        record = json.loads((folder / "run.json").read_text())
        change(record)
        (folder / "run.json").write_text(json.dumps({**record, "status": status}))
        return folder.rename(folder.with_name(folder.name[:-10] + "0" * 10))

    return make


def older(record):
    record["schema"] = 2
    del record["code"], record["setting_hash"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record["code"].update(encoder="0" * 64), "the source of encoder has changed"),
        (lambda record: record["code"].update({"task.reader": "0"}), "the source of task.reader has changed"),
        (
            lambda record: record["code"].update(training=0),
            f"rpt's training version was 0 and is {TRAINING_VERSION}",
        ),
        (lambda record: record["task"].update(version=1), "task cb had version 1 and has version"),
        (older, "an older version of rpt began the run, and its records do not name the code"),
    ],
    ids=["encoder", "reader", "training", "task", "schema 2"],
)
def test_a_run_that_other_code_began_is_refused_with_advice(change, reason, begun, small):
    folder = begun(change)
    with pytest.raises(ConfigError) as error:
        train([small()])
    message = str(error.value)
    assert message.startswith(
        f"rerun = false: {folder} holds an interrupted training of this run, and the present code cannot resume it"
    )
    assert reason in message
    assert message.endswith(CURE)
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]


@pytest.mark.slow
def test_rerun_trains_with_the_present_code_and_keeps_the_other_folder(begun, small):
    folder = begun(lambda record: record["code"].update(encoder="0" * 64))
    again = train([small("rerun=true")])[0]
    assert again.folder != folder
    assert folder.is_dir()
    assert train([small()])[0].folder == again.folder  # the new run is finished, so that no error is raised


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.update(setting_hash="0" * 64),
        lambda record: (older(record), record["data"].update(checksum="0")),
        lambda record: (older(record), record["config"]["trainer"].update(batch_size=3)),
    ],
    ids=["another setting", "other rows, schema 2", "another batch size, schema 2"],
)
def test_an_interrupted_run_of_another_setting_does_not_prevent_a_training(change, begun, small):
    begun(change)
    assert train([small()])[0].record.status == "finished"


@pytest.mark.slow
def test_a_finished_run_of_other_code_does_not_prevent_a_training(begun, small):
    begun(lambda record: record["code"].update(encoder="0" * 64), status="finished")
    assert train([small()])[0].record.status == "finished"


@pytest.mark.slow
def test_an_interrupted_run_without_a_checkpoint_does_not_prevent_a_training(begun, small):
    folder = begun(lambda record: record["code"].update(encoder="0" * 64))
    for checkpoint in folder.glob("*.ckpt"):
        checkpoint.unlink()
    assert train([small()])[0].record.status == "finished"


def test_a_sweep_refuses_only_the_point_that_other_code_began(begun, small):
    folder = begun(lambda record: record["code"].update(encoder="0" * 64))
    values = [config.model_dump(by_alias=True, mode="json") for config in (small(), small("encoder=plain"))]
    prepared = prepare([Point(number, config, f"point {number}") for number, config in enumerate(values)])
    assert not prepared.results[1:], prepared.results[1].error
    assert [(result.number, result.status) for result in prepared.results] == [(0, "refused")]
    assert str(folder) in prepared.results[0].error
    assert [run.point.number for run in prepared.runs] == [1]
