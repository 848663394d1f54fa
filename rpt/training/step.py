"""The training step of a pack: forward and backward passes over the rows of all runs, then an update of each run.

Peak memory depends on the token budget of a forward pass, and hardly on the number of runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from rpt.backbones.frozen import FrozenBackbone
from rpt.data.batches import forwards
from rpt.data.rows import Rows
from rpt.prompt.text_prompt import EncodedPrompt, Folded
from rpt.scoring.predictions import Part
from rpt.scoring.scorer import Scored
from rpt.system.out_of_memory import is_out_of_memory
from rpt.training.placement import texts_of_run
from rpt.training.ranks import Ranks
from rpt.training.run import Run, guarded

RowLosses = Callable[[Rows, Sequence[EncodedPrompt]], Float[Tensor, " rows"]]
"""Function that computes the training loss of each row of a forward pass from the prompts of all runs."""


@contextmanager
def undone_if_interrupted(runs: Sequence[Run]) -> Iterator[None]:
    """Restore the runs to their state before the step if the block raises, so that the step can be repeated."""
    streams = [run.random.state() for run in runs]
    try:
        yield
    except BaseException:
        for run, stream in zip(runs, streams, strict=True):
            run.random.restore(stream)
            run.optimizer.zero_grad(set_to_none=True)
        raise


def encode_prompts(runs: Sequence[Run], batch: Rows, backbone: FrozenBackbone) -> list[EncodedPrompt | None]:
    """Encode the prompt of each active run once; None for a run that does not train or whose encoder raises.

    An encoder that needs the text gets all texts of its run in the step. Its random numbers therefore do not depend on
    the forward passes.
    """

    def encode(index: int) -> EncodedPrompt:
        run = runs[index]
        return run.encode(texts_of_run(backbone, batch, index)) if run.trainable.needs_texts else run.encode()

    return [guarded(run, partial(encode, index)) if run.is_active else None for index, run in enumerate(runs)]


def fold_prompts(runs: Sequence[Run]) -> list[Folded]:
    """Compute the folded prompt of each run; a prompt of length 0 for a run that has failed."""
    folded = [None if run.has_failed else guarded(run, run.trainable.fold) for run in runs]
    return [run.trainable.no_prompt if prompt is None else prompt for run, prompt in zip(runs, folded, strict=True)]


def _or_no_prompts(runs: Sequence[Run], prompts: Sequence[EncodedPrompt | None]) -> list[EncodedPrompt]:
    """Replace each missing prompt by the run's prompt of length 0."""
    pairs = zip(runs, prompts, strict=True)
    return [EncodedPrompt(run.trainable.no_prompt) if prompt is None else prompt for run, prompt in pairs]


def share_failures(runs: Sequence[Run], ranks: Ranks) -> None:
    """Fail a run on all ranks if it has failed on any rank, because all ranks must take the same steps."""
    failed = [run.has_failed for run in runs]
    counts = ranks.sum(torch.tensor(failed, dtype=torch.int64)).tolist()
    if all(count in (0, ranks.size) for count in counts):
        return
    for states in ranks.gather([(run.has_failed, run.error or "", run.trace) for run in runs]):
        for run, (has_failed, error, trace) in zip(runs, states, strict=True):
            if has_failed and not run.has_failed:
                run.fail(error, trace)


@dataclass
class GradientPass:
    """Forward and backward passes of a step, from the rows of all runs down to the detached prompts.

    Each forward pass is followed by its backward pass at once, so that only one forward pass is in memory. The encoded
    prompts are detached, and the gradients of all forward passes add up in them.

    Args:
        runs: Runs of the pack.
        row_losses: Function that computes the training loss of each row of a forward pass.
        backward: Function that runs the backward pass from a scalar.
        token_budget: Largest number of tokens of a forward pass; halved when a forward pass runs out of memory although
            `free_memory` has freed all that it can.
        exact: Whether each forward pass holds rows of one run only.
        ranks: Ranks that share the step. Each rank runs its part of the forward passes.
        text_cost: Cost of a text token in tokens of the budget: 1, or less if the texts are cached.
        free_memory: Function that frees memory which is not necessary for a step, and returns whether it freed any.
    """

    runs: Sequence[Run]
    row_losses: RowLosses
    backward: Callable[[Tensor], None]
    token_budget: int
    exact: bool
    ranks: Ranks
    text_cost: float = 1.0
    free_memory: Callable[[], bool] = lambda: False

    def accumulate(
        self, batch: Rows, encoded: Sequence[EncodedPrompt | None]
    ) -> tuple[list[EncodedPrompt], list[float]]:
        """Accumulate the gradients of a step, and repeat the step while memory runs out.

        The step is first repeated with the same passes after `free_memory`, and then in smaller passes.

        Args:
            batch: Rows of the step.
            encoded: Encoded prompt of each run; None for a run that does not train.

        Returns:
            Detached prompts with their gradients, and the loss of each run.
        """
        while True:
            detached = [prompt.detached() for prompt in _or_no_prompts(self.runs, encoded)]
            try:
                return detached, self._losses(batch, detached)
            except Exception as error:
                has_freed = is_out_of_memory(error) and self.free_memory()
                if not has_freed and (not is_out_of_memory(error) or self.token_budget <= 1):
                    raise
            for run in self.runs:  # remove the gradients of earlier forward passes of this step
                run.optimizer.zero_grad(set_to_none=True)
            if not has_freed:
                self.token_budget //= 2

    def _losses(self, batch: Rows, prompts: Sequence[EncodedPrompt]) -> list[float]:
        """Run all forward and backward passes, and return the loss of each run.

        A row contributes its loss divided by the run's number of loss terms. A run's loss is the sum over its rows.
        """
        device = prompts[0].prompt.device
        exact = device_with_float64(device)
        sums = torch.zeros(len(self.runs), dtype=torch.float64, device=exact)
        lengths, ranks = [prompt.length for prompt in prompts], self.ranks
        cut = forwards(
            batch,
            lengths,
            self.token_budget,
            exact=self.exact,
            text_cost=self.text_cost,
            rank=ranks.rank,
            num_ranks=ranks.size,
        )
        for rows in (rows.to(device) for rows in cut):
            share = self.row_losses(rows, prompts) / rows.terms_of_run
            self.backward(share.sum())
            # A mask and a sum, because index_add has no fixed order of summation on a GPU.
            belongs = rows.run.to(exact)[:, None] == torch.arange(len(self.runs), device=exact)  # [batch, runs]
            sums += torch.where(belongs, share.detach().to(exact).double()[:, None], 0.0).sum(dim=0)
        losses: list[float] = sums.tolist()
        return losses


def device_with_float64(device: torch.device) -> torch.device:
    """Return a device for sums in float64: the CPU for a device without float64, such as MPS, else the same device."""
    return torch.device("cpu") if device.type == "mps" else device


def scored_parts(rows: Rows, score: Callable[[Rows], Scored], free_memory: Callable[[], bool]) -> list[Part]:
    """Compute the answers to rows, and repeat the forward pass while memory runs out.

    The forward pass is first repeated after `free_memory`, and then cut into halves.

    Args:
        rows: Rows of a forward pass, on the device of the backbone.
        score: Function that computes losses and answers of rows.
        free_memory: Function that frees memory which is not necessary for the answers, and returns whether it freed
            any.

    Returns:
        Answers of each forward pass, on the CPU.
    """
    try:
        scored = score(rows)
    except Exception as error:
        has_freed = is_out_of_memory(error) and free_memory()
        if not has_freed and (not is_out_of_memory(error) or len(rows.row) == 1):
            raise
    else:
        return [Part.on_cpu(rows, scored)]
    smaller = (rows,) if has_freed else rows.halves()
    return [part for half in smaller for part in scored_parts(half, score, free_memory)]


def sum_over_ranks(
    runs: Sequence[Run], prompts: Sequence[EncodedPrompt], losses: list[float], ranks: Ranks
) -> list[float]:
    """Sum gradients and losses over all ranks, after each rank has divided its losses by the number of all loss terms.

    The gradient of a prompt is summed before its backward pass through the encoder, which every rank repeats.

    Args:
        runs: Runs of the pack.
        prompts: Detached prompts, whose gradients are summed in place.
        losses: Part of each run's loss on this rank.
        ranks: Ranks that share the step.

    Returns:
        Loss of each run.
    """
    trained: list[Tensor] = [part for prompt in prompts for part in prompt.tensors() if part.requires_grad]
    trained += [
        parameter
        for run in runs
        for part in (run.trainable.head, run.trainable.body)
        if run.is_active and part is not None
        for parameter in part.parameters()
    ]
    ranks.add_up(trained)
    sums: list[float] = ranks.sum(torch.tensor(losses, dtype=torch.float64)).tolist()
    return sums


def update(run: Run, encoded: EncodedPrompt, prompt: EncodedPrompt, loss: float) -> dict[str, float]:
    """Continue the backward pass through a run's encoder and step its optimizer; a nan loss fails the run.

    Args:
        run: Run to update.
        encoded: Encoded prompt, which is connected to the encoder.
        prompt: Detached prompt with its gradient.
        loss: Loss of the run in this step.

    Returns:
        `loss`; also `grad_norm` and `lr`, unless the loss is nan or the update has raised an exception.
    """
    if math.isnan(loss):
        run.fail("its loss is not a number")
        return {"loss": loss}

    def backward_and_step() -> dict[str, float]:
        encoded.backward(prompt)
        return run.step()

    return {"loss": loss, **(guarded(run, backward_and_step) or {})}
