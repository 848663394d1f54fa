"""Training steps taken by hand, for benchmarks that time them without Lightning's loop."""

from __future__ import annotations

from torch import Tensor

from rpt.data.module import PackData
from rpt.module import PromptTuner


def ready(tuner: PromptTuner) -> PromptTuner:
    """Let a module step outside a Trainer."""
    tuner.manual_backward = _backward  # type: ignore[method-assign]
    return tuner


def take(tuner: PromptTuner, data: PackData, count: int) -> None:
    """Take the first steps of an epoch, as often as the epoch lasts, on the module's device."""
    taken = 0
    while taken < count:
        tuner.steps_done = 0  # each time the same epoch
        for step in data.train_dataloader():
            if taken == count:
                break
            tuner.training_step(step.to(tuner.backbone.device), taken)
            taken += 1
    tuner.steps_done = 0
    assert all(run.is_active for run in tuner.runs), "a run has failed: its steps were empty"


def _backward(loss: Tensor, *_: object, **__: object) -> None:
    """What Lightning's `manual_backward` comes down to, outside a Trainer."""
    loss.backward()
