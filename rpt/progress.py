"""One bar for the whole training, on a terminal only."""

from __future__ import annotations

import sys
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

from rpt.module import PromptTuner


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
