"""Take training steps of a pack without Lightning's loop."""

from unittest import mock

from rpt.training.run import Run


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
