"""Base class of `PromptTuner`: backward passes and logging inside Lightning's loops, and without a Trainer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
        self._is_resumed_evaluation = False

    @property
    def is_in_loop(self) -> bool:
        """Whether one of Lightning's loops is running: `fit`, `validate` or `test`."""
        try:
            return self.trainer.state.status == TrainerStatus.RUNNING
        except RuntimeError:  # no Trainer is attached: the caller takes the steps
            return False

    @property
    def is_ending_epoch(self) -> bool:
        """Whether an evaluation that runs now ends an epoch: in `Trainer.fit`, and in `ending_epoch`."""
        return self._is_resumed_evaluation or self._is_fitting

    @property
    def _is_fitting(self) -> bool:
        return self.is_in_loop and self.trainer.state.fn == TrainerFn.FITTING and not self.trainer.sanity_checking

    @contextmanager
    def ending_epoch(self) -> Iterator[None]:
        """Count an evaluation by `Trainer.validate` in the block as the end of an epoch, as in `Trainer.fit`.

        A training that is resumed after the last step of an epoch begins with such an evaluation.
        """
        self._is_resumed_evaluation = True
        try:
            yield
        finally:
            self._is_resumed_evaluation = False

    def run_backward(self, loss: Tensor) -> None:
        """Run the backward pass from a scalar: by Lightning's strategy inside a loop, directly by torch outside."""
        if self.is_in_loop:
            self.manual_backward(loss)
        else:
            loss.backward()

    def tell_trainer(self, steps: int, is_active: bool) -> None:
        """Set Lightning's `global_step`, which its `max_steps` limits, and end `Trainer.fit` if no run is active.

        Lightning itself counts only the steps of optimizers that it has wrapped.

        Args:
            steps: Number of training steps done.
            is_active: Whether a run is still trained.
        """
        if self._is_fitting:
            self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.total.completed = steps
            self.trainer.should_stop = self.trainer.should_stop or not is_active

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

    def log_metrics(self, split: str, metrics: Sequence[dict[str, float] | None]) -> None:
        """Log the mean of a split's metrics over the evaluated runs, and with several runs the metrics of each run.

        Args:
            split: First part of the names: `held_out` or `reported`.
            metrics: Metrics of each run; None for a run that was not evaluated.
        """
        self.log_means(split, [values for values in metrics if values is not None])
        if len(metrics) > 1:
            for index, values in enumerate(metrics):
                self.log_means(split, [] if values is None else [values], f"/run_{index}")
