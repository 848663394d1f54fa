"""A failed run raises its error under Lightning's own Trainer, and only training counts epochs."""

import copy

import lightning
import pytest
import torch

import rpt
from rpt.errors import RunFailed
from rpt.scoring.predictions import Predictions
from rpt.system.interruption import Interruptions
from rpt.training.loop import fit
from rpt.training.run import Run
from rpt.training.step import device_with_float64
from rpt.training.trainable import Trainable

QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
QUIET |= {"enable_model_summary": False}

pytestmark = pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning")


@pytest.fixture
def config(configure, tiny_cb):
    return configure(*tiny_cb, "trainer.batch_size=16", "trainer.progress=false")


@pytest.fixture
def built(config):
    data = rpt.TaskData(config)
    return rpt.PromptTuner.from_config(config, data), data


@pytest.fixture
def trainer():
    return lightning.Trainer(max_epochs=2, num_sanity_val_steps=0, **QUIET)


def raising(*_, **__):
    raise ValueError("no such state")


def raising_after(calls, function):
    """Wrap a function so that it raises after a number of calls."""
    counted = iter(range(calls))
    return lambda *arguments, **keywords: raising() if next(counted, None) is None else function(*arguments, **keywords)


def failure(trainer, module, data):
    with pytest.raises(RunFailed) as caught:
        trainer.fit(module, data)
    assert module.runs[0].status == "failed"
    return caught.value


def test_an_encoder_that_always_raises_is_an_error_of_the_build(config, monkeypatch):
    monkeypatch.setattr(Trainable, "fold", raising)
    with pytest.raises(RunFailed, match=r"^the run has failed: ValueError: no such state\.$") as caught:
        rpt.PromptTuner.from_config(config, rpt.TaskData(config))
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.is_bug


def test_an_encoder_that_raises_in_a_step_ends_the_training_with_its_error(built, trainer, monkeypatch):
    module, data = built
    monkeypatch.setattr(Run, "encode", raising_after(2, Run.encode))
    error = failure(trainer, module, data)
    assert (str(error), error.is_bug) == ("the run has failed: ValueError: no such state.", True)
    assert isinstance(error.__cause__, ValueError)
    assert (module.steps_done, module.runs[0].steps) == (3, 2)


def test_an_optimizer_that_raises_ends_the_training_with_its_error(built, trainer):
    module, data = built
    module.runs[0].optimizer.step = raising
    error = failure(trainer, module, data)
    assert isinstance(error.__cause__, ValueError)
    assert module.steps_done == 1


def test_a_loss_that_is_not_a_number_ends_the_training(built, trainer, monkeypatch):
    module, data = built
    losses = module.scorer.losses
    monkeypatch.setattr(module.scorer, "losses", lambda *arguments: losses(*arguments) * torch.nan)
    error = failure(trainer, module, data)
    assert str(error) == "the run has failed: its loss is not a number. Lower lr, or set clip_norm=1."
    assert (error.__cause__, error.is_bug) == (None, False)


def test_a_held_out_loss_that_is_not_a_number_ends_the_training(built, trainer, monkeypatch):
    module, data = built
    metrics = Predictions.metrics
    monkeypatch.setattr(Predictions, "metrics", lambda self, names: metrics(self, names) | {"loss": torch.nan})
    assert "its held-out loss is nan" in str(failure(trainer, module, data))


@pytest.mark.parametrize("method", ["fit", "validate", "test"])
def test_an_encoder_that_raises_in_an_evaluation_ends_it_with_its_error(method, built, trainer, monkeypatch):
    module, data = built
    monkeypatch.setattr(Trainable, "fold", raising)
    monkeypatch.setattr(Run, "step", lambda run: {})
    with pytest.raises(RunFailed, match="ValueError: no such state"):
        getattr(trainer, method)(module, data)


def test_a_run_of_a_pack_only_notes_its_failure(config, assemble, monkeypatch):
    tuner, data = assemble(config, config.model_copy(update={"seed": 1}))
    monkeypatch.setattr(tuner.runs[0], "encode", raising)
    tuner.training_step(next(iter(data.train_dataloader())), 0)
    assert [run.status for run in tuner.runs] == ["failed", "running"]
    assert tuner.runs[0].error == "ValueError: no such state"


def test_a_trained_run_whose_encoder_raises_gives_no_answers(config, monkeypatch):
    [outcome] = rpt.train([config.model_copy(update={"trainer": config.trainer.model_copy(update={"epochs": 1})})])
    trained = rpt.load(outcome.folder)
    rows = [{"premise": "It rains.", "hypothesis": "It is wet."}]
    monkeypatch.setattr(Trainable, "fold", raising_after(1, Trainable.fold))  # the build of the run calls it once
    with pytest.raises(RunFailed, match="ValueError: no such state"):
        trained.predict(rows)
    with pytest.raises(RunFailed, match="ValueError: no such state"):
        trained.module  # noqa: B018


def test_validating_outside_of_fit_counts_no_epoch(built, trainer):
    module, data = built
    run = module.runs[0]
    trainer.validate(module, data, verbose=False)
    assert module.last_evaluation[0]["score"] >= 0
    assert (module.epochs_done, run.best) == (0, None)
    trainer.fit(module, data)
    assert module.epochs_done == 2
    before = copy.deepcopy(run.state())
    run.patience = before["stale_epochs"] + 1  # the next epoch without a better evaluation would end the run
    for _ in range(3):
        trainer.validate(module, data, verbose=False)
    assert module.epochs_done == 2
    after = run.state()
    torch.testing.assert_close(after["trainable"], before["trainable"], rtol=0, atol=0)
    assert [after[key] for key in ("status", "best", "stale_epochs")] == [
        "running",
        before["best"],
        before["stale_epochs"],
    ]


def test_an_evaluation_with_which_a_resumed_training_begins_counts_its_epoch(config, assemble):
    tuner, data = assemble(config)
    for step in data.train_dataloader():
        tuner.training_step(step, 0)
    assert (tuner.steps_done, tuner.epochs_done) == (data.steps_per_epoch, 0)
    fit(tuner, data, 1, torch.device("cpu"), [], Interruptions())
    assert (tuner.epochs_done, tuner.runs[0].best.epoch) == (1, 1)


@pytest.mark.parametrize(("device", "expected"), [("cpu", "cpu"), ("cuda:1", "cuda:1"), ("mps", "cpu")])
def test_sums_in_float64_are_on_a_device_that_has_the_dtype(device, expected):
    assert device_with_float64(torch.device(device)) == torch.device(expected)
