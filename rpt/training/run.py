"""A run: everything that belongs to one training and is not shared with the other runs of its pack."""

from __future__ import annotations

import copy
import math
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rpt.errors import RunFailed
from rpt.prompt.diagnostics import movement, relative_distance, update_ratio
from rpt.prompt.text_prompt import EncodedPrompt, Folded, TextPrompt, Texts
from rpt.system.out_of_memory import is_out_of_memory
from rpt.tracking.status import RunStatus
from rpt.training.halving import Standing, Stop
from rpt.training.randomness import RandomStream
from rpt.training.trainable import Trainable

T = TypeVar("T")

CONVERGE_ADVICE = "Lower lr, or set clip_norm=1"
"""Advice for a training that has diverged, without the full stop."""


@dataclass(frozen=True)
class Best:
    """The evaluation that selected the checkpoint.

    Attributes:
        epoch: Number of epochs trained before the evaluation.
        step: Number of steps trained before the evaluation.
        metrics: Metrics on the selection split, including `loss` and `score`.
    """

    epoch: int
    step: int
    metrics: dict[str, float]

    def is_below(self, metrics: dict[str, float]) -> bool:
        """Whether the metrics of another evaluation are better: a higher score, or an equal score with a lower loss."""
        return (metrics["score"], -metrics["loss"]) > (self.metrics["score"], -self.metrics["loss"])


class Run:
    """One training in a pack: its parameters, optimizer, learning rate schedule, random stream and best state.

    Args:
        trainable: Trainable modules of the run, on their device.
        optimizer: Optimizer of the trainable's parameters.
        schedule: Learning rate schedule of the optimizer.
        random: Random stream of the run.
        clip_norm: Largest norm of the run's gradient; None for no clipping.
        patience: Number of epochs without a better evaluation after which the run stops; None for no early stopping.
        raises: Whether `check` raises the error of the failed run. False only marks the run as failed, so that the
            other runs of its pack continue.

    Attributes:
        start: Encoded prompt before the first step. A resumed run computes it again from the seed, so checkpoints do
            not hold it. Length 0 for a prompt that is not one matrix.
        start_update_ratio: Mean of |phi(P)| / |P| before the first step, where P is a vector of the table and phi(P) is
            what the encoder adds to it. None for an encoder without a skip connection.
        first_step: Distance that the first step with a gradient at the prompt moves the encoded prompt, divided by the
            prompt's norm. None before this step, and for a run whose prompt is not one matrix.
    """

    def __init__(
        self,
        *,
        trainable: Trainable,
        optimizer: Optimizer,
        schedule: LRScheduler,
        random: RandomStream,
        clip_norm: float | None,
        patience: int | None,
        raises: bool = False,
    ) -> None:
        self.trainable = trainable
        self.optimizer = optimizer
        self.schedule = schedule
        self.random = random
        self.clip_norm = clip_norm
        self.patience = patience
        self.raises = raises
        self.has_failed = False
        self.has_finished = False  # ended by early stopping or a user's callback, or nothing to train
        self.stop: Stop | None = None  # decision of successive halving that has stopped the run
        self.error: str | None = None
        self.trace: str | None = None
        self._cause: Exception | None = None
        self.best: Best | None = None
        self.steps = 0  # number of optimizer steps
        self.first_step: float | None = None
        self.tokens = 0  # number of tokens trained on: prompts, texts and answers
        self.has_cut_answers = False  # whether a forward pass of an evaluation has run out of memory
        self._best_state: dict[str, Tensor] = {}
        self._stale_epochs = 0
        encoded = guarded(self, trainable.fold)
        has_matrix = isinstance(encoded, Tensor)
        self.start: Tensor = encoded if isinstance(encoded, Tensor) else trainable.no_prompt
        prompt = trainable.prompt if has_matrix else None
        self.start_update_ratio = None if prompt is None else update_ratio(prompt, self.start)
        self.check()

    @property
    def status(self) -> RunStatus:
        """Status of the run inside its pack.

        `finished` means ended by early stopping or by a user's callback. `stopped` means stopped by successive halving.
        A run that has reached the last epoch is still `running` here.
        """
        if self.has_failed:
            return "failed"
        if self.stop is not None:
            return "stopped"
        return "finished" if self.has_finished else "running"

    @property
    def is_active(self) -> bool:
        """Whether the run is still in training."""
        return self.status == "running"

    @property
    def has_score(self) -> bool:
        """Whether the run gets a score on the reported rows: it has neither failed nor been stopped."""
        return not self.has_failed and self.stop is None

    @property
    def standing(self) -> Standing:
        """Held-out result by which successive halving ranks the run."""
        if self.has_failed or self.best is None:
            return Standing(None, is_stopped=self.stop is not None)
        metrics = self.best.metrics
        return Standing(metrics["score"], metrics["loss"], is_stopped=self.stop is not None)

    def encode(self, texts: Texts | None = None) -> EncodedPrompt:
        """Encode the prompt for a training step, with dropout drawn from the run's random stream.

        Args:
            texts: All texts of the run in the step; None for a prompt that does not depend on the text.
        """
        with self.random.active():
            return self.trainable.encode(texts)

    def step(self) -> dict[str, float]:
        """Take one optimizer step with the accumulated gradients, and clear them.

        A gradient norm that is not finite fails the run.

        Returns:
            `grad_norm`: norm of the gradient before clipping; `lr`: learning rate of the first parameter group.
        """
        limit = math.inf if self.clip_norm is None else self.clip_norm
        norm = float(nn.utils.clip_grad_norm_(list(self.trainable.parameters()), limit))
        rate = float(self.optimizer.param_groups[0]["lr"])
        if math.isfinite(norm):
            before = self._matrix() if self.first_step is None and self.trainable.has_prompt_gradient() else None
            self.optimizer.step()
            self.schedule.step()
            self.steps += 1
            after = None if before is None else self._matrix()
            if before is not None and after is not None:
                self.first_step = relative_distance(before, after)
        else:
            self.fail(f"its gradient norm is {norm}")
        self.optimizer.zero_grad(set_to_none=True)
        return {"grad_norm": norm, "lr": rate}

    def _matrix(self) -> Float[Tensor, "length hidden"] | None:
        """Encode the prompt without dropout; None for a prompt that is not one matrix."""
        folded = None if self.trainable.needs_texts else self.trainable.fold()
        return folded if isinstance(folded, Tensor) else None

    def fail(self, reason: str, trace: str | None = None, cause: Exception | None = None) -> None:
        """Mark the run as failed; the other runs of the pack continue.

        Args:
            reason: Description of the error.
            trace: Traceback of the error; None if no exception was raised.
            cause: Exception that has failed the run; None if no exception was raised or its traceback is enough.
        """
        self.has_failed, self.error, self.trace = True, reason, trace
        self._cause = cause if self.raises else None  # an exception keeps the tensors of its frames in memory
        self.optimizer.zero_grad(set_to_none=True)

    def check(self) -> None:
        """Raise the error of a failed run, if the run was built with `raises`.

        Raises:
            RunFailed: The run has failed. The cause is the exception that has failed the run.
        """
        if self.raises and self.has_failed:
            advice = f" {CONVERGE_ADVICE}." if self.trace is None else ""
            raise RunFailed(f"the run has failed: {self.error}.{advice}", self.trace is not None) from self._cause

    def observe(self, epoch: int, step: int, metrics: dict[str, float]) -> None:
        """Process an evaluation: keep the state if it is the best so far; stop the run if its patience is exhausted.

        A loss that is not finite fails the run.

        Args:
            epoch: Number of epochs trained before the evaluation.
            step: Number of steps trained before the evaluation.
            metrics: Metrics on the selection split, including `loss` and `score`.
        """
        if not math.isfinite(metrics["loss"]):
            self.fail(f"its held-out loss is {metrics['loss']}")
            return
        if self.best is None or self.best.is_below(metrics):
            self.best = Best(epoch, step, metrics)
            self._best_state = copy.deepcopy(self.trainable.state_dict())
            self._stale_epochs = 0
            return
        self._stale_epochs += 1
        if self.patience is not None and self._stale_epochs >= self.patience:
            self.has_finished = True

    def movement(self, folded: Folded) -> dict[str, float]:
        """Return the diagnostics of `rpt.prompt.diagnostics.movement`; empty for a prompt that is not one matrix."""
        prompt = self.trainable.prompt
        if prompt is None or isinstance(folded, TextPrompt) or len(folded) == 0:
            return {}
        return movement(prompt, self.start, folded)

    def restore_best(self) -> None:
        """Load the state of the best evaluation."""
        self.trainable.load_state_dict(self._best_state, strict=True)

    def state(self) -> dict[str, Any]:
        """Return the run's state as tensors and plain values. A run restored from it gives bitwise equal results."""
        return {
            "trainable": self.trainable.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": self.random.state(),
            "status": self.status,
            "error": self.error,
            "trace": self.trace,
            "stop": None if self.stop is None else asdict(self.stop),
            "best": None if self.best is None else asdict(self.best),
            "best_state": self._best_state,
            "stale_epochs": self._stale_epochs,
            "steps": self.steps,
            "first_step": self.first_step,
            "tokens": self.tokens,
            "has_cut_answers": self.has_cut_answers,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Load a state that `state` has returned."""
        self.trainable.load_state_dict(state["trainable"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.random.restore(state["random"])
        self.has_finished, self.has_failed = state["status"] == "finished", state["status"] == "failed"
        self.stop = Stop(**stop) if (stop := state.get("stop")) else None  # older checkpoints lack the key
        self.error, self.trace = state["error"], state["trace"]
        self.best = None if state["best"] is None else Best(**state["best"])
        device = self.trainable.no_prompt.device
        self._best_state = {key: value.to(device) for key, value in state["best_state"].items()}
        self._stale_epochs = state["stale_epochs"]
        self.steps, self.tokens = state["steps"], state["tokens"]
        self.first_step = state.get("first_step")  # older checkpoints lack the key
        self.has_cut_answers = state.get("has_cut_answers", False)  # older checkpoints lack the key


def guarded(run: Run, function: Callable[[], T]) -> T | None:
    """Call a function for a run, and mark only this run as failed if the function raises.

    An out-of-memory error is raised again, because all runs share the memory.

    Returns:
        Result of the function; None if it has raised.
    """
    try:
        return function()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        run.fail(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)), error)
        return None
