"""Base class of `PromptTuner`: backward passes and logging inside Lightning's loops, and without a Trainer."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import lightning
from lightning.pytorch.trainer.states import TrainerFn, TrainerStatus
from torch import Tensor


class ManualModule(lightning.LightningModule):
    """Lightning module that steps its optimizers itself, inside Lightning's loops or without a Trainer.

    Outside a loop, Lightning's own `manual_backward` and `log_dict` raise an error.
    """

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False  # each run steps its own optimizer

    @property
    def is_in_loop(self) -> bool:
        """Whether one of Lightning's loops is running: `fit`, `validate` or `test`."""
        try:
            return self.trainer.state.status == TrainerStatus.RUNNING
        except RuntimeError:  # no Trainer is attached: the caller takes the steps
            return False

    @property
    def is_fitting(self) -> bool:
        """Whether `Trainer.fit` is running, including its evaluations at the end of an epoch."""
        return self.is_in_loop and self.trainer.state.fn == TrainerFn.FITTING

    def run_backward(self, loss: Tensor) -> None:
        """Run the backward pass from a scalar: by Lightning's strategy inside a loop, directly by torch outside."""
        if self.is_in_loop:
            self.manual_backward(loss)
        else:
            loss.backward()

    def log_means(self, prefix: str, values: Sequence[dict[str, float]], suffix: str = "") -> None:
        """Log means over runs under the names of the columns of `metrics.csv`. Nothing is logged outside a loop.

        Args:
            prefix: First part of the names: `train`, `held_out` or `reported`.
            values: Values of each run, by name; the names of the first run are logged.
            suffix: Last part of the names, such as `/run_0` for the values of a single run.
        """
        if values and self.is_in_loop:
            means = {name: fmean(run[name] for run in values if name in run) for name in values[0]}
            self.log_dict({f"{prefix}/{name}{suffix}": mean for name, mean in means.items()}, batch_size=1)
