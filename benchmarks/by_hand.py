"""Take training steps of a pack without Lightning's loop, for benchmarks."""

from __future__ import annotations

from rpt.data.datamodule import PackData
from rpt.training.module import PromptTuner


def take_steps(tuner: PromptTuner, data: PackData, count: int) -> None:
    """Take `count` training steps on the module's device, repeating the first epoch as often as needed."""
    num_steps = 0
    while num_steps < count:
        steps = data.train_dataloader()
        steps.first_step = 0  # each iteration over the rows repeats the first epoch
        for step in steps:
            if num_steps == count:
                break
            tuner.training_step(step.to(tuner.backbone.device), num_steps)
            num_steps += 1
    assert all(run.is_active for run in tuner.runs), "a run has failed and took no steps"
