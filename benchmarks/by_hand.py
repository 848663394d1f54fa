"""Build a pack and take training steps without Lightning's loop, for benchmarks and tests."""

from __future__ import annotations

from collections.abc import Sequence
from unittest import mock

from torch import Tensor

from rpt import build
from rpt.config.schema import Config
from rpt.data.datamodule import PackData
from rpt.data.inputs import build_source
from rpt.data.rows import Rows
from rpt.training.module import PromptTuner
from rpt.training.run import Run


def assemble(configs: Sequence[Config]) -> tuple[PromptTuner, PackData]:
    """Build the module and the data of a pack as `rpt.runs` does, without run folders."""
    config = configs[0]
    task = build.build_task(config)
    splits = build.build_splits(config, build_source(config), task)
    return build.build_pack(configs, task, splits, build.build_device(config))


def ready(tuner: PromptTuner) -> PromptTuner:
    """Prepare a module for training steps outside a Trainer."""
    tuner.manual_backward = _backward  # type: ignore[method-assign]
    return tuner


def take(tuner: PromptTuner, data: PackData, count: int) -> None:
    """Take `count` training steps on the module's device, repeating the first epoch as often as needed."""
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


def gradients(tuner: PromptTuner, step: Rows) -> list[dict[str, Tensor]]:
    """The gradients of one step: one dictionary for each run, from parameter name to gradient. Nothing is updated."""
    seen: list[dict[str, Tensor]] = []

    def look(run: Run) -> dict[str, float]:
        named = run.trainable.named_parameters()
        seen.append({name: one.grad for name, one in named if one.grad is not None})
        run.optimizer.zero_grad(set_to_none=True)
        return {}

    with mock.patch.object(Run, "step", look):
        tuner.training_step(step.to(tuner.backbone.device), 0)
    return seen


def _backward(loss: Tensor, *_: object, **__: object) -> None:
    """Go backward without a Trainer, as Lightning's `manual_backward` does."""
    loss.backward()
