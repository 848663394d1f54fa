"""Build a pack and take training steps without Lightning's loop, for benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from rpt import build
from rpt.config.schema import Config
from rpt.data.datamodule import PackData
from rpt.data.inputs import build_source
from rpt.training.module import PromptTuner


def assemble(configs: Sequence[Config]) -> tuple[PromptTuner, PackData]:
    """Build the module and the data of a pack as `rpt.runs` does, without run folders."""
    data = PackData(configs, build_source(configs[0]))
    return build.build_pack(configs, data), data


def without_trainer(tuner: PromptTuner) -> PromptTuner:
    """Let a module take training steps outside a Trainer, and return it."""
    tuner.manual_backward = _backward  # type: ignore[method-assign]
    return tuner


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


def _backward(loss: Tensor, *_: object, **__: object) -> None:
    """Run the backward pass without a Trainer, in place of Lightning's `manual_backward`."""
    loss.backward()
