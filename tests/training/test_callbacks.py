"""Lightning callbacks of a user monitor logged values, are restored with their run, and fail only their own run."""

import json

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from rpt.config.check import check
from rpt.errors import ConfigError, RunFailed
from rpt.runs import train
from rpt.sweep.pack_key import pack_key
from tests.support.composed import compose
from tests.support.packs import curve
from tests.support.resuming import contents

HERE = "tests.training.test_callbacks"
STOPPING = ["callbacks=early_stopping", "callbacks.early_stopping.patience=1"]


class Killed(BaseException):
    """Exception in place of a kill signal: no handler for `Exception` catches it."""


class HalveRate(Callback):
    """Callback with a state: it lowers the learning rate after each epoch, and keeps a list of all steps.

    Attributes:
        kill_at: Number of steps after which `Killed` is raised; None never raises.
        floor: Lower bound of the learning rate.
        seen: Epoch, number of steps and batch index after each step.
        is_armed: Whether `kill_at` is in effect.
    """

    def __init__(self, kill_at: int | None = None, floor: float = 0.0) -> None:
        self.kill_at = kill_at
        self.floor = floor
        self.seen: list[list[float]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.seen.append([trainer.current_epoch, trainer.global_step, batch_idx])
        if trainer.global_step == self.kill_at and HalveRate.is_armed:
            raise Killed

    def on_train_epoch_end(self, trainer, pl_module):
        scale = 0.5 ** (trainer.current_epoch + 1) + len(self.seen) / 1000
        for group in trainer.optimizers[0].param_groups:
            group["initial_lr"] = max(self.floor, 0.02 * scale)
        pl_module.runs[0].schedule.base_lrs = [group["initial_lr"] for group in trainer.optimizers[0].param_groups]

    def state_dict(self):
        return {"seen": self.seen}

    def load_state_dict(self, state):
        self.seen = state["seen"]

    is_armed = False


class Watching(Callback):
    """Callback that stores the logged values that Lightning passes to callbacks."""

    logged: dict[str, dict[str, float]] = {}  # noqa: RUF012  (a test reads it)

    def _keep(self, name, trainer):
        Watching.logged[name] = {key: float(value) for key, value in trainer.callback_metrics.items()}

    def on_train_batch_end(self, trainer, *args):
        self._keep("step", trainer)

    def on_validation_end(self, trainer, *args):
        self._keep("held_out", trainer)

    def on_test_end(self, trainer, *args):
        self._keep("reported", trainer)


class Raising(Callback):
    def on_validation_end(self, trainer, pl_module):
        raise ValueError("a bug of the callback")


class TorchDtypeState(Callback):
    def state_dict(self):
        return {"dtype": torch.float32}


def own(name, **options):
    values = "".join(f",{key}:{value}" for key, value in options.items())
    return f"+callbacks.mine={{_target_:{HERE}.{name}{values}}}"


@pytest.mark.slow
def test_a_run_that_stops_early_equals_a_run_with_fewer_epochs(configure, tiny_cb):
    [stopped] = train([configure(*tiny_cb, *STOPPING, "trainer.epochs=12", "lr=0.3")])
    record = stopped.check().record
    scores = curve(stopped)["held_out/score"]
    epochs = next(epoch for epoch in range(2, 12) if scores[epoch - 1] <= max(scores[: epoch - 1]))
    assert (record.status, record.steps, len(scores)) == ("finished", 4 * epochs, epochs)
    [plain] = train([configure(*tiny_cb, f"trainer.epochs={epochs}", "lr=0.3")])
    assert contents(stopped.folder) == contents(plain.folder)
    assert stopped.folder.name != plain.folder.name  # callbacks may change the score, so the identity includes them
    [again] = train([configure(*tiny_cb, *STOPPING, "trainer.epochs=12", "lr=0.3")])
    assert again.record.steps == record.steps


def test_a_callback_sees_the_values_of_the_curve_and_of_the_record(configure, tiny_cb):
    [outcome] = train([configure(*tiny_cb, own("Watching"))])
    record = outcome.check().record
    last = {name: values[-1] for name, values in curve(outcome).items() if name.startswith(("train/", "held_out/"))}
    logged = Watching.logged
    assert {name: logged["held_out"][name] for name in last} == pytest.approx(last)
    assert logged["step"]["train/loss"] == pytest.approx(last["train/loss"])
    scores = {**record.scores, "loss": record.loss}
    assert {name: logged["reported"][f"reported/{name}"] for name in scores} == pytest.approx(scores)


@pytest.mark.slow
@pytest.mark.parametrize("kill_at", [2, 6, 8, 10, 12])
def test_a_killed_run_with_a_callback_resumes_to_the_same_bytes(kill_at, configure, tiny_cb, monkeypatch):
    options = [*tiny_cb, own("HalveRate", kill_at=kill_at), "trainer.epochs=3", "trainer.checkpoint_steps=1"]
    [whole] = train([configure(*options)])
    expected = contents(whole.folder)
    monkeypatch.setattr(HalveRate, "is_armed", True)
    with pytest.raises(Killed):
        train([configure(*options, "rerun=true")])
    monkeypatch.setattr(HalveRate, "is_armed", False)
    [resumed] = train([configure(*options)])
    assert resumed.check().record.resumed_step == (kill_at - 1) // 4 * 4
    assert contents(resumed.folder) == expected


@pytest.mark.slow
def test_a_callback_that_raises_fails_its_run_with_the_traceback(configure, tiny_cb):
    [outcome] = train([configure(*tiny_cb, own("Raising"))])
    with pytest.raises(RunFailed, match=r"callbacks\.mine: ValueError: a bug of the callback\. The traceback is"):
        outcome.check()
    record = json.loads((outcome.folder / "run.json").read_text())
    assert record["status"] == "failed"
    assert "in on_validation_end" in record["traceback"]


def test_a_callback_whose_state_cannot_be_saved_is_refused(configure, tiny_cb):
    with pytest.raises(ConfigError, match=r"callbacks\.mine = TorchDtypeState: its state_dict holds a torch\.dtype\."):
        train([configure(*tiny_cb, own("TorchDtypeState"))])


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("lightning.pytorch.callbacks.ModelCheckpoint", "a run writes its own checkpoints"),
        ("lightning.pytorch.callbacks.Timer", "a score must not depend on the speed of the machine"),
        ("torch.nn.Identity", r"builds a Identity, which is no lightning\.pytorch\.callbacks\.Callback"),
    ],
)
def test_a_callback_that_breaks_a_guarantee_is_refused(target, reason, configure, tiny_cb):
    with pytest.raises(ConfigError, match=rf"callbacks\.mine\._target_ = {target}: {reason}"):
        train([configure(*tiny_cb, f"+callbacks.mine={{_target_:{target}}}")])


def test_runs_with_callbacks_are_trained_in_packs_of_their_own(pack):
    configs = pack("runs", "tiny_bert", own("Watching"))[:2]
    assert all(config.is_alone for config in configs)
    with pytest.raises(ConfigError, match="callbacks = mine, mine: act on the training of all runs of a pack"):
        train(configs)
    assert pack_key(configs[0]) == pack_key(configs[1])


def test_options_of_a_callback_are_checked():
    with pytest.raises(ConfigError, match=r"callbacks\.early_stopping\.patience = x: must be a whole number"):
        check(compose(["callbacks=early_stopping", "callbacks.early_stopping.patience=x"]))
