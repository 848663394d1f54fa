"""PromptTuner: a frozen backbone and the K runs that share it, as one Lightning module. One run is a pack of one.

Lightning keeps the loop, the device and the progress; a `Run` keeps what belongs to one run. A training step
encodes each active run's prompt once, cuts the rows of all runs into forwards under a token budget, runs each cut
forward and backward onto the detached prompts, and then takes one backward through each encoder and one step of
each optimizer. Memory is bounded by the cut, not by the number of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import lightning
import torch
from jaxtyping import Float
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from rpt.backbones.frozen import FrozenBackbone
from rpt.data.module import EvalRows, Step
from rpt.data.rows import Rows
from rpt.predictions import Predictions, gather
from rpt.prompt.insert import Inserted, insert
from rpt.run import Run
from rpt.scoring.scorer import Scored, Scorer
from rpt.tasks.task import Task

Prompts = Sequence[Float[Tensor, "_ hidden"]]


class PromptTuner(lightning.LightningModule):
    """Train K runs over one frozen backbone.

    Args:
        backbone: Shared, never changed.
        scorer: Turns rows with their prompts in place into losses and answers.
        task: Reads what is generated.
        runs: The runs; each owns its parameters and optimizer.
        prompt_at: Text position that the prompt is put before: 0 in front, 1 after `[CLS]`.
        metrics: Names of the task's metrics.
        token_budget: Most tokens in one forward of a training step.
    """

    def __init__(
        self,
        *,
        backbone: FrozenBackbone,
        scorer: Scorer,
        task: Task,
        runs: Sequence[Run],
        prompt_at: int,
        metrics: Sequence[str],
        token_budget: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # each run has an optimizer of its own
        self.backbone = backbone
        self.scorer = scorer
        self.task = task
        self.runs = list(runs)
        self.trainables = nn.ModuleList(run.trainable for run in runs)
        self.prompt_at = prompt_at
        self.metric_names = metrics
        self.token_budget = token_budget
        self.steps_done = 0
        self.epochs_done = 0
        self.last_step: list[dict[str, float]] = []
        self.last_evaluation: list[dict[str, float] | None] = []
        self.predictions: list[Predictions | None] = []
        self.folded: list[Tensor] = []  # the prompts that the newest evaluation used
        self._gathered: list[list[tuple[Tensor, Scored]]] = []

    def configure_optimizers(self) -> None:
        """None for Lightning: the runs own theirs."""

    def training_step(self, batch: Step, batch_idx: int) -> None:
        """Take one step of every active run; a run's loss is the mean over its own rows, or written tokens."""
        active = [run.is_active for run in self.runs]
        encoded = [run.encode() if run.is_active else run.trainable.no_prompt for run in self.runs]
        leaves = [prompt.detach().requires_grad_(prompt.requires_grad) for prompt in encoded]
        sums = torch.zeros(len(self.runs), dtype=torch.float64, device=self.device)
        for rows in batch.cut([len(prompt) for prompt in leaves], self.token_budget):
            losses = self.scorer.losses(self.backbone, self._inserted(rows, leaves), rows, self._heads())
            share = losses / rows.terms_of_run
            self.manual_backward(share.sum())
            # Chosen and summed, because adding by index has no fixed order on a GPU.
            is_own = rows.run[:, None] == torch.arange(len(self.runs), device=self.device)  # [batch, runs]
            sums += torch.where(is_own, share.detach().double()[:, None], 0.0).sum(dim=0)
        means = sums.tolist()
        self.last_step = [{} for _ in self.runs]
        for index, run in enumerate(self.runs):
            if active[index]:
                self.last_step[index] = self._update(run, encoded[index], leaves[index], means[index])
                run.tokens += batch.tokens(index, len(leaves[index]))
        self.steps_done += 1

    def _update(self, run: Run, encoded: Tensor, leaf: Tensor, loss: float) -> dict[str, float]:
        if loss != loss:
            run.optimizer.zero_grad(set_to_none=True)
            run.fail("its loss is not a number")
            return {"loss": loss}
        if leaf.grad is not None:
            encoded.backward(leaf.grad)
        return {"loss": loss, **run.step()}

    def _inserted(self, rows: Rows, prompts: Prompts) -> Inserted:
        return insert(prompts, rows.run_of_text, self.backbone.embed(rows.ids), rows.mask, self.prompt_at)

    def _heads(self) -> list[nn.Module | None]:
        return [run.trainable.head for run in self.runs]

    def score(self, rows: Rows, prompts: Prompts) -> Scored:
        """Answer rows with the prompts of their runs."""
        return self.scorer.score(self.backbone, self._inserted(rows, prompts), rows, self._heads())

    def on_validation_epoch_start(self) -> None:
        """Begin to gather answers; the prompts are folded once."""
        self._gathered = [[] for _ in self.runs]
        self.folded = [run.trainable.fold() for run in self.runs]

    def validation_step(self, batch: Rows, batch_idx: int) -> None:
        """Answer rows with every run that needs it, one run at a time."""
        for index, run in enumerate(self.runs):
            if run.is_active or (not self._in_fit() and run.status != "failed"):
                scored = self.score(batch.of_run(index), self.folded)
                on_cpu = replace(scored, losses=scored.losses.cpu(), scores=scored.scores.cpu())
                self._gathered[index].append((batch.row.cpu(), on_cpu))

    def on_validation_epoch_end(self) -> None:
        """Bring answers into the split's order; while training, let each run take its evaluation."""
        loader = self.trainer.val_dataloaders
        assert isinstance(loader, EvalRows)
        examples = loader.split.examples
        self.predictions = [gather(self.task, examples, parts) if parts else None for parts in self._gathered]
        if not self._in_fit():
            return
        self.epochs_done += 1
        self.last_evaluation = [None for _ in self.runs]
        for index, (run, predictions) in enumerate(zip(self.runs, self.predictions, strict=True)):
            if predictions is not None:
                metrics = predictions.metrics(self.metric_names)
                self.last_evaluation[index] = metrics
                run.observe(self.epochs_done, self.steps_done, metrics)

    def _in_fit(self) -> bool:
        return self.trainer.state.fn == TrainerFn.FITTING
