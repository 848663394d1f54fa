"""How far a training is: a bar on a terminal, and pulses for whoever shows a whole sweep."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.states import TrainerFn
from tqdm import tqdm

from rpt.module import PromptTuner
from rpt.pulse import Pulse, Standing, Status, Watch

STATUSES: dict[str, Status] = {"active": "active", "stopped": "done", "failed": "failed"}
"""Of a run, and what they are to whoever watches."""


class Bar(Callback):
    """Steps done and to do, with the newest loss and held-out score."""

    def __init__(self, total_steps: int) -> None:
        self._total = total_steps
        self._bar: Any = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Open the bar where the training stands."""
        assert isinstance(pl_module, PromptTuner)
        self._bar = tqdm(
            total=self._total,
            initial=pl_module.steps_done,
            unit="step",
            leave=False,
            dynamic_ncols=True,
            file=sys.stderr,
        )

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        """One step on."""
        assert isinstance(pl_module, PromptTuner)
        self._bar.update()
        values = {"loss": f"{pl_module.last_step[0].get('loss', float('nan')):.3f}"}
        if pl_module.last_evaluation and pl_module.last_evaluation[0]:
            values["held-out score"] = f"{pl_module.last_evaluation[0]['score']:.3f}"
        self._bar.set_postfix(values, refresh=False)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Close the bar."""
        self._bar.close()

    def on_exception(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        exception: BaseException,
    ) -> None:
        """Leave the terminal clean."""
        if self._bar is not None:
            self._bar.close()


class Pulses(Callback):
    """Tell somebody after each step and each evaluation how a pack's training goes.

    Args:
        watch: Is told.
        runs: Identities of the module's runs, in their order.
        total_steps: Of the whole training.
    """

    def __init__(self, watch: Watch, runs: Sequence[str], total_steps: int) -> None:
        self._watch = watch
        self._runs = runs
        self._total = total_steps

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, *args: Any
    ) -> None:
        """One step on."""
        self._tell(pl_module, sum(map(len, batch.rows)))

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Scores may have risen, and runs may have stopped."""
        self._tell(pl_module, 0)

    def _tell(self, module: lightning.LightningModule, rows: int) -> None:
        assert isinstance(module, PromptTuner)
        standings = [
            Standing(STATUSES[run.status], None if run.best is None else run.best.metrics["score"])
            for run in module.runs
        ]
        runs = dict(zip(self._runs, standings, strict=True))
        self._watch(Pulse(runs, module.steps_done / self._total, rows))


class Stop(Callback):
    """End the loop once no run trains any more."""

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *args: Any) -> None:
        """After a step."""
        self._stop(trainer, pl_module)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """After an evaluation."""
        if trainer.state.fn == TrainerFn.FITTING:
            self._stop(trainer, pl_module)

    def _stop(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, PromptTuner)
        trainer.should_stop = not any(run.is_active for run in pl_module.runs)
