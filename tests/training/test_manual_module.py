"""Steps of the module inside Lightning's loops, without a Trainer, and after a Trainer has ended."""

import lightning
import pytest
import torch

import rpt
from rpt.training import callbacks
from rpt.training.halving import Stop

QUIET = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
QUIET |= {"enable_model_summary": False}

pytestmark = pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning")


@pytest.fixture
def built(configure, tiny_cb):
    def build(*overrides):
        config = configure(*tiny_cb, *overrides)
        data = rpt.TaskData(config)
        return rpt.PromptTuner.from_config(config, data), data

    return build


def state_of(module):
    return {name: value.clone() for name, value in module.trainables.state_dict().items()}


def test_a_step_without_a_trainer_equals_a_step_in_the_loop(built):
    alone, data = built()
    in_loop, _ = built()
    start = state_of(alone)
    alone.training_step(next(iter(data.train_dataloader())), 0)
    trainer = lightning.Trainer(max_epochs=1, limit_train_batches=1, limit_val_batches=0, **QUIET)
    trainer.fit(in_loop, data)
    assert alone.steps_done == in_loop.steps_done == 1
    assert not torch.equal(state_of(alone)["0.prompt.table"], start["0.prompt.table"])
    torch.testing.assert_close(state_of(alone), state_of(in_loop), rtol=0, atol=0)


def test_a_trainer_ends_after_its_max_steps_and_with_the_patience_of_the_run(built):
    module, data = built()
    trainer = lightning.Trainer(max_steps=3, limit_val_batches=0, **QUIET)
    trainer.fit(module, data)
    assert (trainer.global_step, module.steps_done) == (3, 3)
    module, data = built("trainer.patience=1", "trainer.epochs=30", "lr=1e-9", "head_lr=1e-9")
    trainer = lightning.Trainer(max_epochs=30, **QUIET)
    trainer.fit(module, data)
    assert module.epochs_done == module.runs[0].best.epoch + 1 < 30
    assert trainer.global_step == module.steps_done == module.epochs_done * data.steps_per_epoch


def test_halving_that_stops_the_last_active_run_ends_the_trainer(built, monkeypatch):
    module, data = built()
    stop = Stop(1, 2, 1, 0.5, 4, 4, 0.0)
    monkeypatch.setattr(callbacks, "decide", lambda competitors, standings, epoch: {0: stop})
    halving = callbacks.HalvingControl([None])
    trainer = lightning.Trainer(max_epochs=3, callbacks=[halving], num_sanity_val_steps=0, **QUIET)
    trainer.fit(module, data)
    assert module.runs[0].stop == stop
    assert (module.epochs_done, module.steps_done) == (1, data.steps_per_epoch)


def test_the_sanity_check_of_a_trainer_does_not_end_it(built):
    module, data = built()
    module.runs[0].has_finished = True
    trainer = lightning.Trainer(max_epochs=1, num_sanity_val_steps=2, **QUIET)
    trainer.fit(module, data)
    assert "held_out/score" in trainer.callback_metrics


def test_a_step_after_the_trainer_has_ended_needs_no_loop(built):
    module, data = built()
    trainer = lightning.Trainer(max_epochs=1, **QUIET)
    trainer.fit(module, data)
    assert not module.is_in_loop
    steps = module.steps_done
    module.training_step(next(iter(data.train_dataloader())), 0)
    assert module.steps_done == steps + 1
    assert module.runs[0].is_active
