"""Build a pack and take training steps without Lightning's loop."""

from unittest import mock

from rpt import build
from rpt.data.datamodule import PackData
from rpt.data.inputs import build_source
from rpt.training.run import Run


def assemble(configs):
    """Build the module and the data of a pack as `rpt.runs` does, without run folders."""
    data = PackData(configs, build_source(configs[0]))
    return build.build_pack(configs, data), data


def without_trainer(tuner):
    """Let a module take training steps outside a Trainer, and return it."""
    tuner.manual_backward = lambda loss, *_, **__: loss.backward()
    return tuner


def gradients(tuner, step):
    """Return the gradients of one step: a dictionary for each run, by parameter name. No parameter is updated."""
    recorded = []

    def record(run):
        named = run.trainable.named_parameters()
        recorded.append({name: parameter.grad for name, parameter in named if parameter.grad is not None})
        run.optimizer.zero_grad(set_to_none=True)
        return {}

    with mock.patch.object(Run, "step", record):
        tuner.training_step(step.to(tuner.backbone.device), 0)
    return recorded
