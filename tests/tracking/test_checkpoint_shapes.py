"""An undamaged checkpoint with wrong values is refused like a damaged checkpoint, without a traceback."""

from pathlib import Path

import pytest
import torch

from rpt.errors import CheckpointError
from rpt.runs import train
from rpt.system.out_of_memory import OutOfMemory
from rpt.tracking import checkpoint_shape
from rpt.tracking.checkpoint import ADVICE
from rpt.training.module import PromptTuner
from tests.support.resuming import contents


@pytest.fixture
def begin(configure, tiny_cb, monkeypatch):
    """Interrupt a training in step 8, after checkpoints of steps 4 and 6; return its configuration and folder."""

    def make(*more):
        config = configure(*tiny_cb, "trainer.checkpoint_steps=2", "prompt.length=4", *more)
        step = PromptTuner.training_step

        def training_step(self, batch, batch_idx):
            if self.steps_done == 7:
                raise RuntimeError("something broke")
            step(self, batch, batch_idx)

        with monkeypatch.context() as broken:
            broken.setattr(PromptTuner, "training_step", training_step)
            with pytest.raises(RuntimeError, match="something broke"):
                train([config])
        [folder] = Path(config.output_dir).iterdir()
        return config, folder

    return make


def change(path, name, value):
    """Change a value of a checkpoint.

    Args:
        path: File of the checkpoint.
        name: Keys that lead to the value.
        value: New value, or a function that makes it from the old value. `...` removes the key.
    """
    state = torch.load(path, weights_only=True)
    inner = state
    *parents, last = name
    for key in parents:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value(inner[last]) if callable(value) else value
    torch.save(state, path)


# Each case: the keys that lead to a value, the wrong value, and the reason in the error message.
WRONG = {
    "no steps": (("steps_done",), ..., "steps_done is no count"),
    "steps as text": (("steps_done",), "6", "steps_done is no count"),
    "epochs below zero": (("epochs_done",), -1, "epochs_done is no count"),
    "steps of other epochs": (("steps_done",), 600, "steps_done is 600, and epochs_done is 1 with 4 steps each"),
    "budget of text": (("token_budget",), "all", "token_budget is no count"),
    "no pack": (("pack",), ..., "pack does not list the run"),
    "pack as a number": (("pack",), 3, "pack does not list the run"),
    "pack of others": (("pack",), ["0123456789"], "pack does not list the run"),
    "pack with a pattern": (("pack",), lambda old: [*old, "**/x"], "pack lists more than hashes of runs"),
    "recorder as a list": (("recorder",), [], "recorder is no mapping"),
    "no size of the curve": (("recorder", "curve_size"), ..., "recorder.curve_size has another type"),
    "seconds as text": (("recorder", "seconds"), "long", "recorder.seconds has another type"),
    "seconds without end": (("recorder", "seconds"), float("nan"), "recorder has a number out of range"),
    "started in no time": (("recorder", "started"), "once", "recorder has a time that is no time"),
    "warnings of numbers": (("recorder", "warnings"), [1], "recorder.warnings holds more than texts"),
    "bits of tensors": (("recorder", "bits"), {"torch": torch.zeros(2)}, "recorder.bits holds more than plain values"),
    "version as a number": (("recorder", "rpt"), 0.1, "recorder.rpt is no text"),
    "no run": (("run",), None, "run is no mapping"),
    "unknown status": (("run", "status"), "asleep", "run.status is unknown"),
    "tokens as text": (("run", "tokens"), "many", "run.tokens is no count"),
    "best with other keys": (("run", "best"), {"epoch": 1}, "run.best has other keys"),
    "best without a loss": (("run", "best", "metrics", "loss"), ..., "run.best.metrics has other keys"),
    "no trainable": (("run", "trainable"), ..., "run.trainable has other keys"),
    "a missing table": (("run", "trainable", "prompt.table"), ..., "run.trainable has other keys"),
    "a longer table": (
        ("run", "trainable", "prompt.table"),
        torch.zeros(9, 32),
        "run.trainable.prompt.table has another type or shape",
    ),
    "no best table": (("run", "best_state"), {}, "run.best_state has other keys"),
    "no optimizer": (("run", "optimizer"), [], "run.optimizer has other keys"),
    "a moment of another shape": (
        ("run", "optimizer", "state", 0, "exp_avg"),
        torch.zeros(32),
        "run.optimizer.state.0.exp_avg has another type or shape",
    ),
    "a missing moment": (
        ("run", "optimizer", "state", 0, "exp_avg_sq"),
        ...,
        "run.optimizer.state.0.exp_avg_sq is missing",
    ),
    "no learning rate": (
        ("run", "optimizer", "param_groups", 0, "lr"),
        ...,
        "run.optimizer.param_groups.0.lr is missing",
    ),
    "a schedule of text": (("run", "schedule", "last_epoch"), "6", "run.schedule.last_epoch has another type"),
    "a short random state": (
        ("run", "random", "cpu"),
        torch.zeros(3, dtype=torch.uint8),
        "run.random.cpu has another type or shape",
    ),
    "a random state of ones": (
        ("run", "random", "cpu"),
        torch.ones_like,
        "run.random.cpu is no state of a generator",
    ),
}


@pytest.mark.slow
def test_every_wrong_value_is_refused_with_the_file_and_the_reason(begin):
    config, folder = begin()
    whole = (folder / "last.ckpt").read_bytes()
    record, messages = (folder / "run.json").read_bytes(), {}
    for case, (name, value, _) in WRONG.items():
        (folder / "last.ckpt").write_bytes(whole)
        change(folder / "last.ckpt", name, value)
        with pytest.raises(CheckpointError) as caught:
            train([config])[0].check()
        messages[case] = str(caught.value)
        assert (folder / "run.json").read_bytes() == record
    expected = {case: f"{folder}/last.ckpt: is damaged ({reason}). {ADVICE}" for case, (_, _, reason) in WRONG.items()}
    assert messages == expected


@pytest.mark.slow
def test_a_checkpoint_with_the_status_of_an_earlier_version_is_resumed(begin):
    config, folder = begin()
    change(folder / "last.ckpt", ("run", "status"), "active")
    resumed = train([config])[0].check()
    assert (resumed.record.resumed_step, resumed.record.status) == (6, "finished")


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "adafactor"])
def test_a_run_resumed_from_the_previous_checkpoint_ends_with_the_same_bytes(optimizer, begin):
    config, folder = begin(f"optim={optimizer}")
    change(folder / "last.ckpt", ("run", "optimizer", "state"), lambda old: {index: {} for index in old})
    with pytest.raises(CheckpointError, match=r"last\.ckpt: is damaged \(run\.optimizer\.state\.0\.\w+ is missing\)"):
        train([config])[0].check()
    (folder / "previous.ckpt").replace(folder / "last.ckpt")
    resumed = train([config])[0].check()
    assert resumed.record.resumed_step == 4
    kept = contents(folder)
    train([config.model_copy(update={"rerun": True})])
    assert contents(folder) == kept


@pytest.mark.slow
def test_running_out_of_memory_while_a_checkpoint_is_checked_is_not_reported_as_damage(begin, monkeypatch):
    config, _ = begin()

    def full(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(checkpoint_shape.torch, "zeros_like", full)
    with pytest.raises(OutOfMemory, match=r"^out of memory"):
        train([config])
