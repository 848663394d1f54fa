"""Lightning callbacks of the user, from the group `callbacks`, and the callback that controls the loop."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import lightning
from lightning.pytorch import callbacks as library
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from rpt.config.construct import construct
from rpt.config.schema import Component
from rpt.errors import ConfigError
from rpt.system.out_of_memory import is_out_of_memory
from rpt.training.halving import Competitors, decide
from rpt.training.module import PromptTuner

REFUSED: dict[type, str] = {
    library.Checkpoint: "a run writes its own checkpoints, and keeps the best by its held-out score. Leave it out",
    library.ProgressBar: "a run shows its own progress. Set trainer.progress=true",
    library.Timer: "a score must not depend on the speed of the machine. Set trainer.epochs",
    library.GradientAccumulationScheduler: "rpt itself accumulates the gradients of a batch. Set trainer.batch_size",
    library.StochasticWeightAveraging: "it changes trained weights outside of rpt's checkpoints. Leave it out",
    library.WeightAveraging: "it changes trained weights outside of rpt's checkpoints. Leave it out",
    library.BatchSizeFinder: "the score depends on the batch size, so you must choose it. Set trainer.batch_size",
    library.LearningRateFinder: "the score depends on the learning rate, so you must choose it. Set lr, or sweep it",
    library.BaseFinetuning: "the backbone stays frozen. To fine-tune it, set trainer.tune=all and encoder=none",
    library.ModelPruning: "it changes trained weights outside of rpt's checkpoints. Leave it out",
}
"""Lightning's callbacks that rpt refuses, each with the reason and the advice for the error message."""

PLAIN = (type(None), bool, int, float, str, Tensor)
"""Types of the values that a checkpoint can hold, because it is read without pickle."""


class CallbackFailed(Exception):
    """A user's callback has raised an exception.

    Attributes:
        key: Key of the callback in the configuration.
        trace: Traceback of the exception.
    """

    def __init__(self, key: str, error: Exception) -> None:
        super().__init__(f"{key}: {type(error).__name__}: {error}")
        self.key = key
        self.trace = "".join(traceback.format_exception(error))


class UserCallbacks:
    """Callbacks of the user, by their names in the group `callbacks`.

    An exception in a callback becomes a `CallbackFailed`, so that it fails the run and not the program.

    Args:
        sections: Configuration of each callback, by name.

    Raises:
        ConfigError: A callback cannot be built, is no callback of Lightning, or belongs to a class in `REFUSED`.
    """

    def __init__(self, sections: Mapping[str, Component]) -> None:
        self.by_name = {name: _build(f"callbacks.{name}", section) for name, section in sections.items()}

    @property
    def all(self) -> list[Callback]:
        """The callbacks in the order of the configuration."""
        return list(self.by_name.values())

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the state of each callback, by name.

        Raises:
            ConfigError: A state holds values that a checkpoint cannot hold.
        """
        states = {name: callback.state_dict() for name, callback in self.by_name.items()}
        for name, state in states.items():
            if (misfit := _not_plain(state)) is not None:
                target = type(self.by_name[name]).__qualname__
                advice = f"its state_dict holds {misfit}. A checkpoint holds numbers, texts, tensors, lists and dicts."
                raise ConfigError.of(f"callbacks.{name}", target, advice)
        return states

    def restore(self, states: Mapping[str, dict[str, Any]]) -> None:
        """Load the states that `state` has returned."""
        for name, callback in self.by_name.items():
            if states[name]:
                callback.load_state_dict(states[name])


class LoopControl(Callback):
    """Lightning callback that connects Lightning's loop with the runs. It must come before the user's callbacks.

    It restores the states of the user's callbacks. If one of them ends the training, active runs count as finished.

    Args:
        user: Callbacks of the user.
        states: States of the user's callbacks in the checkpoint; None for a new training.
    """

    def __init__(self, user: UserCallbacks, states: Mapping[str, dict[str, Any]] | None = None) -> None:
        self._user = user
        self._states = states

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Restore the states of the user's callbacks before their `on_fit_start` is called, as Lightning does."""
        if self._states is not None:
            self._user.restore(self._states)
            self._states = None
        self._user.state()  # raises ConfigError now if a state cannot be saved

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Mark the active runs as finished if a user's callback has ended the training."""
        assert isinstance(pl_module, PromptTuner)
        for run in pl_module.runs:
            if trainer.should_stop and run.is_active:
                run.has_finished = True


class HalvingControl(Callback):
    """Lightning callback that stops the worse points of each competition after the evaluation of a rung.

    It must come before the callbacks that write checkpoints, so that a checkpoint holds the decisions of its epoch.

    Args:
        competitors: Competitor of each run of the module; None for a run that does not compete.
    """

    def __init__(self, competitors: Competitors) -> None:
        self._competitors = competitors

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Stop the runs of the worse points. A run that early stopping has already finished stays finished."""
        assert isinstance(pl_module, PromptTuner)
        runs = pl_module.runs
        stops = decide(self._competitors, [run.standing for run in runs], pl_module.epochs_done)
        for index, stop in stops.items():
            if runs[index].is_active:
                runs[index].stop = stop
        pl_module.tell_trainer(pl_module.steps_done, any(run.is_active for run in runs))


def _build(key: str, section: Component) -> Callback:
    callback = construct(key, section)
    if not isinstance(callback, Callback):
        advice = f"builds a {type(callback).__qualname__}, which is no lightning.pytorch.callbacks.Callback."
        raise ConfigError.of(f"{key}._target_", section.target, advice)
    for kind, advice in REFUSED.items():
        if isinstance(callback, kind):
            raise ConfigError.of(f"{key}._target_", section.target, f"{advice}.")
    for name, hook in vars(Callback).items():
        if callable(hook) and not name.startswith("_"):
            setattr(callback, name, _guarded(key, getattr(callback, name)))
    return callback


def _guarded(key: str, hook: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(hook)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return hook(*args, **kwargs)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise CallbackFailed(key, error) from error

    return guarded


def _not_plain(value: Any) -> str | None:
    """Describe the first part of a value that a checkpoint cannot hold; None if it can hold all parts."""
    if isinstance(value, dict):
        parts = [*value, *value.values()]
    elif isinstance(value, list | tuple):
        parts = list(value)
    else:
        return None if type(value) in PLAIN else f"a {type(value).__module__}.{type(value).__qualname__}"
    return next((misfit for part in parts if (misfit := _not_plain(part)) is not None), None)
