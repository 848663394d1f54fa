"""Between the training loop and the recorders: rows of the curve, checkpoints, and the end of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from rpt.module import PromptTuner
from rpt.tracking.recorder import Recorder


class Tracking(Callback):
    """Hand what the module saw to each run's recorder, and write checkpoints that resume to the same bits.

    Args:
        recorders: In the order of the module's runs.
        checkpoint_steps: A checkpoint every so many steps, beside those at the end of each epoch.
        pack: What all members must agree on to resume together: their identities.
    """

    def __init__(self, recorders: Sequence[Recorder], checkpoint_steps: int, pack: Sequence[str]) -> None:
        self.recorders = recorders
        self.checkpoint_steps = checkpoint_steps
        self.pack = list(pack)

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        """A row of the curve for each run that took the step."""
        tuner = _tuner(pl_module)
        epoch_ends = trainer.is_last_batch
        for recorder, values in zip(self.recorders, tuner.last_step, strict=True):
            if values:
                named = {f"train/{name}": value for name, value in values.items()}
                recorder.add({"step": tuner.steps_done, "epoch": tuner.epochs_done, **named})
        # At an epoch's end the evaluation comes first: a checkpoint before it would skip it on resume.
        if tuner.steps_done % self.checkpoint_steps == 0 and not epoch_ends:
            self.checkpoint(tuner)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A row of the curve for each evaluation, then a checkpoint."""
        tuner = _tuner(pl_module)
        if trainer.state.fn != lightning.pytorch.trainer.states.TrainerFn.FITTING:
            return
        for index, metrics in enumerate(tuner.last_evaluation):
            if metrics is not None:
                named = {f"held_out/{name}": value for name, value in metrics.items()}
                named |= tuner.runs[index].movement(tuner.folded[index])
                self.recorders[index].add({"step": tuner.steps_done, "epoch": tuner.epochs_done, **named})
        self.checkpoint(tuner)

    def checkpoint(self, tuner: PromptTuner) -> None:
        """Write every run's state."""
        shared = {
            "steps_done": tuner.steps_done,
            "epochs_done": tuner.epochs_done,
            "token_budget": tuner.token_budget if tuner.token_budget < tuner.full_token_budget else None,
            "pack": self.pack,
        }
        for recorder, run in zip(self.recorders, tuner.runs, strict=True):
            recorder.checkpoint({**shared, "run": run.state()})


def _tuner(module: lightning.LightningModule) -> PromptTuner:
    assert isinstance(module, PromptTuner)
    return module
