"""Between the training loop and the recorders: rows of the curve, checkpoints, and the end of a pack."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from rpt.config import TrainerConfig
from rpt.interruption import Interrupted, Interruptions
from rpt.module import PromptTuner
from rpt.tracking.recorder import Recorder

MOST_SHARE = 0.05
"""Share of the time that checkpoints by the clock may take: a large state on a slow disk is written less often."""


class Tracking(Callback):
    """Hand what the module saw to each run's recorder, and write checkpoints that resume to the same bits.

    A checkpoint is written after each evaluation, after every `checkpoint_steps` steps, after the first step that ends
    `checkpoint_seconds` after the newest checkpoint, and where a signal ends the training. One that is written after
    an epoch's last step and before its evaluation says so by its counts: `rpt.train` then begins with the evaluation.

    Args:
        recorders: Recorder of each run, in the order of the module's runs.
        trainer: The configuration's section that says how often checkpoints are written.
        pack: Identities of the runs that resume together.
        interruptions: Signals that wait for a checkpoint.
    """

    def __init__(
        self, recorders: Sequence[Recorder], trainer: TrainerConfig, pack: Sequence[str], interruptions: Interruptions
    ) -> None:
        self.recorders = recorders
        self.checkpoint_steps = trainer.checkpoint_steps
        self.checkpoint_seconds = trainer.checkpoint_seconds
        self.pack = list(pack)
        self.interruptions = interruptions
        self._saved: tuple[int, int] | None = None  # steps and epochs of the newest checkpoint
        self._due = math.inf

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Let signals wait from here on."""
        self._begin(_tuner(pl_module))

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Let signals wait also where a training goes on with an evaluation."""
        self._begin(_tuner(pl_module))

    def _begin(self, tuner: PromptTuner) -> None:
        self.interruptions.defer()
        if self._saved is None:  # a training begins or goes on from the checkpoint that it was restored from
            self._saved = _counts(tuner)
            self._due = time.monotonic() + self.checkpoint_seconds

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        """A row of the curve for each run that took the step."""
        tuner = _tuner(pl_module)
        epoch_ends = trainer.is_last_batch
        for recorder, values in zip(self.recorders, tuner.last_step, strict=True):
            if values:
                named = {f"train/{name}": value for name, value in values.items()}
                recorder.add({"step": tuner.steps_done, "epoch": tuner.epochs_done, **named})
        is_step = tuner.steps_done % self.checkpoint_steps == 0 and not epoch_ends  # else the evaluation's comes soon
        if is_step or time.monotonic() >= self._due:
            self.checkpoint(tuner)
        self.interruptions.check()

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """A row of the curve for each evaluation, then a checkpoint."""
        tuner = _tuner(pl_module)
        for index, metrics in enumerate(tuner.last_evaluation):
            if metrics is not None:
                named = {f"held_out/{name}": value for name, value in metrics.items()}
                named |= tuner.runs[index].movement(tuner.folded[index])
                self.recorders[index].add({"step": tuner.steps_done, "epoch": tuner.epochs_done, **named})
        self.checkpoint(tuner)
        self.interruptions.check()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Keep what has been trained when a signal ends the training."""
        if isinstance(exception, Interrupted):
            self.checkpoint(_tuner(pl_module))

    def checkpoint(self, tuner: PromptTuner) -> None:
        """Write every run's state, unless the newest checkpoint holds it.

        A second checkpoint of one step would push out the one before, which a pack may have to go back to.
        """
        if self._saved == _counts(tuner):
            return
        began = time.monotonic()
        shared = {
            "steps_done": tuner.steps_done,
            "epochs_done": tuner.epochs_done,
            "token_budget": tuner.token_budget if tuner.token_budget < tuner.full_token_budget else None,
            "pack": self.pack,
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
