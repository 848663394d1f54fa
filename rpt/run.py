"""One run: everything that belongs to a single training and is shared with no other run of its pack."""

from __future__ import annotations

import copy
import math
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rpt.out_of_memory import is_out_of_memory
from rpt.prompt.diagnostics import movement
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.randomness import RandomStream

T = TypeVar("T")


@dataclass(frozen=True)
class Best:
    """The evaluation that chose the checkpoint.

    Attributes:
        epoch: Epochs trained by then.
        step: Steps trained by then.
        metrics: Of the rows that choose, `loss` and `score` among them.
    """

    epoch: int
    step: int
    metrics: dict[str, float]

    def is_below(self, metrics: dict[str, float]) -> bool:
        """Whether another evaluation is better: a higher score, or the same at a lower loss."""
        ours, theirs = self.metrics, metrics
        return (theirs["score"], -theirs["loss"]) > (ours["score"], -ours["loss"])


class Trainable(nn.Module):
    """What a run trains: the soft prompt, the head, the backbone itself; each may be missing.

    Args:
        prompt: None for a baseline without one.
        head: None for a language model.
        body: The backbone of a full fine-tuning; None where it is frozen.
        hidden: Width of the backbone's input embeddings.
    """

    def __init__(self, prompt: SoftPrompt | None, head: nn.Module | None, body: nn.Module | None, hidden: int) -> None:
        super().__init__()
        self.prompt = prompt
        self.head = head
        self.body = body
        # A prompt of no rows, so that a run without one takes the same way through the code.
        self.no_prompt: Tensor
        self.register_buffer("no_prompt", torch.zeros(0, hidden), persistent=False)

    def forward(self) -> Float[Tensor, "length hidden"]:
        """The encoded prompt."""
        encoded = self.prompt() if self.prompt is not None else self.no_prompt
        assert isinstance(encoded, Tensor)
        return encoded

    def fold(self) -> Float[Tensor, "length hidden"]:
        """The encoded prompt without dropout, detached."""
        folded = self.prompt.fold() if self.prompt is not None else self.no_prompt
        assert isinstance(folded, Tensor)
        return folded


class Run:
    """A single training in a pack of one or many: its parameters, optimizer, rates, randomness and best state.

    Args:
        trainable: Prompt and head, on their device.
        optimizer: Over the trainable's parameters alone.
        schedule: Of the optimizer.
        random: The run's own stream.
        clip_norm: Largest norm of the run's gradient; None: no clipping.
        patience: Epochs without a better evaluation before the run stops; None: never.

    Attributes:
        start: The encoded prompt before the first step. It is made anew of the seed whenever the run goes on, so no
            checkpoint holds it.
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
    ) -> None:
        self.trainable = trainable
        self.optimizer = optimizer
        self.schedule = schedule
        self.random = random
        self.clip_norm = clip_norm
        self.patience = patience
        self.status = "active"
        self.error: str | None = None
        self.trace: str | None = None
        self.best: Best | None = None
        self.steps = 0  # taken by its optimizer
        self.tokens = 0  # of prompt and text that it trained on
        self.has_cut_answers = False  # whether a forward of its evaluations did not fit the memory whole
        self._best_state: dict[str, Tensor] = {}
        self._stale_epochs = 0
        encoded = guarded(self, trainable.fold)
        self.start: Tensor = trainable.no_prompt if encoded is None else encoded

    @property
    def is_active(self) -> bool:
        """Whether the run still trains."""
        return self.status == "active"

    def encode(self) -> Float[Tensor, "length hidden"]:
        """The encoded prompt of one training step, drawing dropout from the run's own stream."""
        with self.random.active():
            encoded: Tensor = self.trainable()
        return encoded

    def step(self) -> dict[str, float]:
        """Take one optimizer step with the gradients that have gathered, and forget them.

        Returns:
            `grad_norm` before clipping, and the prompt's `lr` of this step.
        """
        parameters = list(self.trainable.parameters())
        limit = math.inf if self.clip_norm is None else self.clip_norm
        norm = float(nn.utils.clip_grad_norm_(parameters, limit))
        rate = float(self.optimizer.param_groups[0]["lr"])
        if math.isfinite(norm):
            self.optimizer.step()
            self.schedule.step()
            self.steps += 1
        else:
            self.fail(f"its gradient norm is {norm}")
        self.optimizer.zero_grad(set_to_none=True)
        return {"grad_norm": norm, "lr": rate}

    def fail(self, reason: str, trace: str | None = None) -> None:
        """Leave the pack; the other runs go on.

        Args:
            reason: In words.
            trace: The traceback, where the run has raised.
        """
        self.status, self.error, self.trace = "failed", reason, trace
        self.optimizer.zero_grad(set_to_none=True)

    def observe(self, epoch: int, step: int, metrics: dict[str, float]) -> None:
        """Take an evaluation: keep the state if it is the best so far, stop if patience is at its end.

        A loss that is no number fails the run, as it does in training.
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
            self.status = "stopped"

    def movement(self, encoded: Float[Tensor, "length hidden"]) -> dict[str, float]:
        """How far the encoded prompt has come and how much its encoder adds; nothing where there is no prompt."""
        prompt = self.trainable.prompt
        return {} if prompt is None or len(encoded) == 0 else movement(prompt, self.start, encoded)

    def restore_best(self) -> None:
        """Go back to the state that the held-out rows chose."""
        self.trainable.load_state_dict(self._best_state, strict=True)

    def state(self) -> dict[str, Any]:
        """All that the run needs to go on to the same bits: tensors and plain values only."""
        return {
            "trainable": self.trainable.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": self.random.state(),
            "status": self.status,
            "error": self.error,
            "trace": self.trace,
            "best": None if self.best is None else asdict(self.best),
            "best_state": self._best_state,
            "stale_epochs": self._stale_epochs,
            "steps": self.steps,
            "tokens": self.tokens,
            "has_cut_answers": self.has_cut_answers,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self.trainable.load_state_dict(state["trainable"], strict=True)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.random.restore(state["random"])
        self.status, self.error, self.trace = state["status"], state["error"], state["trace"]
        self.best = None if state["best"] is None else Best(**state["best"])
        device = self.trainable.no_prompt.device
        self._best_state = {key: value.to(device) for key, value in state["best_state"].items()}
        self._stale_epochs = state["stale_epochs"]
        self.steps, self.tokens = state["steps"], state["tokens"]
        self.has_cut_answers = state.get("has_cut_answers", False)  # older checkpoints do not know it


def guarded(run: Run, act: Callable[[], T]) -> T | None:
    """What a run does by itself; where that raises, the run fails and no other does.

    Memory that runs out is no run's own fault, for they all share it: that error goes on up.
    """
    try:
        return act()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        run.fail(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))
        return None


def parameter_groups(trainable: Trainable, rates: dict[str, float], decays: dict[str, float]) -> list[dict[str, Any]]:
    """The optimizer's groups: table, encoder, head and body, each with its own rate and weight decay.

    Args:
        trainable: Of one run.
        rates: Under `table`, `encoder`, `head` and `body`.
        decays: Likewise.

    Returns:
        At least one group; it holds nothing where nothing is trained (zero-shot).
    """
    prompt = trainable.prompt
    members: dict[str, list[nn.Parameter]] = {
        "table": [] if prompt is None else [prompt.table],
        "encoder": [] if prompt is None else list(prompt.encoder.parameters()),
        "head": [] if trainable.head is None else list(trainable.head.parameters()),
        "body": [] if trainable.body is None else list(trainable.body.parameters()),
    }
    trained = [name for name, parameters in members.items() if parameters] or ["table"]
    return [{"params": members[name], "lr": rates[name], "weight_decay": decays[name]} for name in trained]


def dtype_of_training(backbone: torch.dtype) -> torch.dtype:
    """Prompt, encoder, head and optimizer state are float32; float64 where the backbone is, for exact comparisons."""
    return torch.float64 if backbone == torch.float64 else torch.float32
