"""Lightning callback that writes rows of the curve and checkpoints of all runs of a pack."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from rpt.config.schema import TrainerConfig
from rpt.system.interruption import Interrupted, Interruptions
from rpt.tracking.recorder import Recorder
from rpt.training.callbacks import UserCallbacks
from rpt.training.module import PromptTuner

MOST_SHARE = 0.05
"""Largest share of the training time that timed checkpoints may take.

If a checkpoint takes long, because it is large or the disk is slow, the next checkpoint is written later.
"""


class Tracking(Callback):
    """Passes losses and metrics to each run's recorder, and writes checkpoints from which runs resume bit by bit.

    A checkpoint is written

    - after each evaluation,
    - after every `checkpoint_steps` steps,
    - after a step, if the last checkpoint is at least `checkpoint_seconds` old,
    - when a signal ends the training.

    A checkpoint may be written between an epoch's last step and the epoch's evaluation. `rpt.training.loop` recognises
    this from the counts of steps and epochs, and begins with the evaluation.

    With callbacks of the user, a checkpoint is written only between two epochs, when all hooks of the epoch have run.
    Otherwise a resumed training would call some hooks of an epoch again and skip others.

    Args:
        recorders: Recorder of each run, in the order of the module's runs.
        trainer: Section of the configuration that sets how often checkpoints are written.
        pack: Identity hashes of the runs that must be resumed together.
        interruptions: Object that delays signals until a checkpoint is written.
        user: Callbacks of the user, whose states belong to the checkpoint.
    """

    def __init__(
        self,
        recorders: Sequence[Recorder],
        trainer: TrainerConfig,
        pack: Sequence[str],
        interruptions: Interruptions,
        user: UserCallbacks,
    ) -> None:
        self.recorders = recorders
        self.checkpoint_steps = trainer.checkpoint_steps
        self.checkpoint_seconds = trainer.checkpoint_seconds
        self.pack = list(pack)
        self.interruptions = interruptions
        self.user = user
        self._saved: tuple[int, int] | None = None  # numbers of steps and epochs of the last checkpoint
        self._due = math.inf

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Begin to delay signals until a checkpoint is written."""
        self._begin(_tuner(pl_module))

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Begin to delay signals. A resumed training may begin with an evaluation, before `on_train_start`."""
        self._begin(_tuner(pl_module))

    def _begin(self, tuner: PromptTuner) -> None:
        self.interruptions.defer()
        if self._saved is None:  # the training has just begun or has just been restored from a checkpoint
            self._saved = _counts(tuner)
            self._due = time.monotonic() + self.checkpoint_seconds

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        """Add a row to the curve of each run that took the step, and write a checkpoint if it is due."""
        tuner = _tuner(pl_module)
        epoch_ends = trainer.is_last_batch
        for recorder, values in zip(self.recorders, tuner.last_step, strict=True):
            if values:
                columns = {f"train/{name}": value for name, value in values.items()}
                recorder.add({"step": tuner.steps_done, "epoch": tuner.epochs_done, **columns})
        is_step = tuner.steps_done % self.checkpoint_steps == 0 and not epoch_ends  # the evaluation writes a checkpoint
        if (is_step or time.monotonic() >= self._due) and not self.user.all:
            self.checkpoint(tuner)
        self.interruptions.check()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Add a row to the curve of each run that was evaluated, and write a checkpoint."""
        tuner = _tuner(pl_module)
        for index, metrics in enumerate(tuner.last_evaluation):
            if metrics is not None:
                columns = {f"held_out/{name}": value for name, value in metrics.items()}
                columns |= tuner.runs[index].movement(tuner.folded[index])
                self.recorders[index].add({"step": tuner.steps_done, "epoch": tuner.epochs_done, **columns})
        if not self.user.all:
            self.checkpoint(tuner)
        self.interruptions.check()

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write a checkpoint between two epochs, with the states of the user's callbacks."""
        if self.user.all:
            self.checkpoint(_tuner(pl_module))

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write a checkpoint after the last epoch, with the states of the user's callbacks."""
        if self.user.all:
            self.checkpoint(_tuner(pl_module))

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Write a checkpoint when a signal ends the training, unless the user has callbacks."""
        if isinstance(exception, Interrupted) and not self.user.all:
            self.checkpoint(_tuner(pl_module))

    def checkpoint(self, tuner: PromptTuner) -> None:
        """Write a checkpoint of every run in the pack, unless the last checkpoint is of the same step and epoch.

        Each run keeps its last two checkpoints. A repeated checkpoint would push out the older one, from which the pack
        is resumed if a run's last checkpoint is damaged.
        """
        if self._saved == _counts(tuner):
            return
        began = time.monotonic()
        shared = {
            "steps_done": tuner.steps_done,
            "epochs_done": tuner.epochs_done,
            "token_budget": tuner.token_budget if tuner.token_budget < tuner.full_token_budget else None,
            "pack": self.pack,
            **({"callbacks": self.user.state()} if self.user.all else {}),
        }
        for recorder, run in zip(self.recorders, tuner.runs, strict=True):
            recorder.checkpoint({**shared, "run": run.state()})
        self._saved = _counts(tuner)
        cost = time.monotonic() - began
        self._due = time.monotonic() + max(self.checkpoint_seconds, cost / MOST_SHARE)


def _counts(tuner: PromptTuner) -> tuple[int, int]:
    return tuner.steps_done, tuner.epochs_done


def _tuner(module: lightning.LightningModule) -> PromptTuner:
    assert isinstance(module, PromptTuner)
    return module
