"""PromptTuner: a Lightning module of a frozen backbone and K runs that share it. A single run is a pack of one.

Lightning keeps the loop, the device and the progress. A `Run` keeps everything that belongs to one run. A training step

1. encodes the prompt of each active run once,
2. cuts the rows of all runs into forward passes under a token budget,
3. runs each forward pass and its backward pass down to the detached prompts,
4. runs one backward pass through each encoder, and takes one step of each optimizer.

The size of a forward pass bounds the memory, not the number of runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import lightning
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rpt.backbones.frozen import FrozenBackbone, fingerprint
from rpt.data.datamodule import EvalRows, Step
from rpt.data.rows import Rows
from rpt.prompt.insert import Inserted, insert
from rpt.scoring.predictions import Predictions, gather
from rpt.scoring.scorer import Scored, Scorer
from rpt.system.out_of_memory import is_out_of_memory
from rpt.tasks.task import Task
from rpt.training.ranks import ALONE, Ranks
from rpt.training.run import Run, guarded

Prompts = Sequence[Float[Tensor, "_ hidden"]]


class PromptTuner(lightning.LightningModule):
    """Lightning module that trains K runs over one frozen backbone.

    Args:
        backbone: Backbone that all runs share.
        scorer: Scorer that computes losses and answers from rows with their prompts inserted.
        task: Task that reads the answers from generated text.
        runs: Runs of the pack; each run owns its parameters and its optimizer.
        prompt_at: Position in the text at which the prompt is inserted: 0 in front, 1 after `[CLS]`.
        metrics: Names of the task's metrics.
        token_budget: Largest number of tokens in a forward pass of a training step. It is halved when a forward pass
            runs out of memory.
        exact: Whether each forward pass holds rows of one run only.
        ranks: Processes that train the same runs on different rows of each step; the default is this process alone.

    Attributes:
        token_budget: Token budget of the next forward pass.
        full_token_budget: Token budget at the start of training. `token_budget` is smaller once a forward pass has run
            out of memory.
        pause: Function called before each forward pass of a training step or an evaluation. If it raises, the runs are
            as they were before the step.
        is_reporting: Whether an evaluation is the final evaluation of the reported rows, not one that selects a
            checkpoint.
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
        exact: bool,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # each run steps its own optimizer
        self.backbone = backbone
        self.scorer = scorer
        self.task = task
        self.runs = list(runs)
        self.trainables = nn.ModuleList(run.trainable for run in runs)
        self.prompt_at = prompt_at
        self.metric_names = metrics
        self.token_budget = self.full_token_budget = token_budget
        self.exact = exact
        self.ranks = ranks
        self.pause: Callable[[], None] = lambda: None
        self.is_reporting = False
        self.steps_done = 0
        self.epochs_done = 0
        self.last_step: list[dict[str, float]] = []
        self.last_evaluation: list[dict[str, float] | None] = []
        self.predictions: list[Predictions | None] = []
        self.folded: list[Tensor] = []  # prompts of the last evaluation
        self._gathered: list[list[tuple[Tensor, Scored]]] = []

    def configure_optimizers(self) -> None:
        """Return no optimizer to Lightning, because each run owns its optimizer."""

    def training_step(self, batch: Step, batch_idx: int) -> None:
        """Take one step of every active run. The loss of a run is the mean over its rows, or over its written tokens.

        An exception in a run's own encoder or optimizer fails only that run.
        """
        active = [run.is_active for run in self.runs]
        with self._taken_back_if_interrupted():
            encoded = [guarded(run, run.encode) if run.is_active else None for run in self.runs]
            self._agree()
            left = {index for index, run in enumerate(self.runs) if active[index] and not run.is_active}
            leaves, losses = self._over_ranks(*self._forward_and_backward(batch.without(left), encoded))
        self.last_step = [{} for _ in self.runs]
        for index, run in enumerate(self.runs):
            prompt = encoded[index]
            if run.is_active and prompt is not None:
                self.last_step[index] = self._update(run, prompt, leaves[index], losses[index])
                run.tokens += batch.tokens(index, len(prompt))
        self._agree()
        self.steps_done += 1

    @contextmanager
    def _taken_back_if_interrupted(self) -> Iterator[None]:
        """Restore the runs to their state before the step if the block raises, so that the step can be repeated."""
        streams = [run.random.state() for run in self.runs]
        try:
            yield
        except BaseException:
            for run, stream in zip(self.runs, streams, strict=True):
                run.random.restore(stream)
                run.optimizer.zero_grad(set_to_none=True)
            raise

    def _agree(self) -> None:
        """Fail a run on all ranks if it has failed on any rank, because all ranks must take the same steps."""
        failed = [run.has_failed for run in self.runs]
        counts = self.ranks.sum(torch.tensor(failed, dtype=torch.int64)).tolist()
        if all(count in (0, self.ranks.size) for count in counts):
            return
        for everyone in self.ranks.gather([(run.has_failed, run.error or "", run.trace) for run in self.runs]):
            for run, (has_failed, error, trace) in zip(self.runs, everyone, strict=True):
                if has_failed and not run.has_failed:
                    run.fail(error, trace)

    def _over_ranks(self, leaves: list[Tensor], losses: list[float]) -> tuple[list[Tensor], list[float]]:
        """Sum losses and gradients over all ranks. Each rank has divided its part by the terms of all rows.

        The gradient of a prompt is summed before its backward pass through the encoder, which every rank repeats.
        """
        trained: list[Tensor] = [leaf for leaf in leaves if leaf.requires_grad]
        trained += [
            parameter
            for run in self.runs
            for part in (run.trainable.head, run.trainable.body)
            if run.is_active and part is not None
            for parameter in part.parameters()
        ]
        self.ranks.add_up(trained)
        return leaves, self.ranks.sum(torch.tensor(losses, dtype=torch.float64)).tolist()

    def _forward_and_backward(self, batch: Step, encoded: Sequence[Tensor | None]) -> tuple[list[Tensor], list[float]]:
        """Run all forward passes and backward passes of a step, down to the detached prompts.

        The token budget is halved and the step repeated when a forward pass runs out of memory.

        Args:
            batch: Rows of the step.
            encoded: Encoded prompt of each run; None for a run that does not train.

        Returns:
            Detached prompts with their gradients, and the loss of each run.
        """
        while True:
            prompts = [
                run.trainable.no_prompt if one is None else one for run, one in zip(self.runs, encoded, strict=True)
            ]
            leaves = [prompt.detach().requires_grad_(prompt.requires_grad) for prompt in prompts]
            try:
                return leaves, self._cut_by_cut(batch, leaves)
            except Exception as error:
                if not is_out_of_memory(error) or self.token_budget <= 1:
                    raise
            for run in self.runs:  # remove the gradients of forward passes that did fit
                run.optimizer.zero_grad(set_to_none=True)
            self.token_budget //= 2

    def _cut_by_cut(self, batch: Step, leaves: Sequence[Tensor]) -> list[float]:
        sums = torch.zeros(len(self.runs), dtype=torch.float64, device=self.backbone.device)
        for rows in batch.cut([len(leaf) for leaf in leaves], self.token_budget, exact=self.exact):
            self.pause()
            with self._dropping(rows):
                losses = self.scorer.losses(self.backbone, self._inserted(rows, leaves), rows, self._heads())
            share = losses / rows.terms_of_run
            self.manual_backward(share.sum())
            # Masked and summed, because index_add has no fixed order on a GPU.
            is_own = rows.run[:, None] == torch.arange(len(self.runs), device=self.backbone.device)  # [batch, runs]
            sums += torch.where(is_own, share.detach().double()[:, None], 0.0).sum(dim=0)
        means: list[float] = sums.tolist()
        return means

    @contextmanager
    def _dropping(self, rows: Rows) -> Iterator[None]:
        """Activate the backbone's dropout, drawn from the random stream of the only run in the forward pass."""
        if not self.backbone.dropout:
            yield
            return
        with self.runs[int(rows.run[0])].random.active(), self.backbone.dropping():
            yield

    def _update(self, run: Run, encoded: Tensor, leaf: Tensor, loss: float) -> dict[str, float]:
        if loss != loss:
            run.fail("its loss is not a number")
            return {"loss": loss}

        def update() -> dict[str, float]:
            if leaf.grad is not None:
                encoded.backward(leaf.grad)
            return run.step()

        return {"loss": loss, **(guarded(run, update) or {})}

    def _inserted(self, rows: Rows, prompts: Prompts) -> Inserted:
        embeds = self.backbone.embed(rows.ids)
        return insert(prompts, rows.run_of_text, embeds, rows.mask, self.prompt_at, rows.segments)

    def _heads(self) -> list[nn.Module | None]:
        return [run.trainable.head for run in self.runs]

    def score(self, rows: Rows, prompts: Prompts) -> Scored:
        """Compute losses and answers of rows with the prompts of their runs."""
        return self.scorer.score(self.backbone, self._inserted(rows, prompts), rows, self._heads())

    def on_validation_epoch_start(self) -> None:
        """Begin an evaluation: clear the answers and compute each run's prompt once, without dropout."""
        self._gathered = [[] for _ in self.runs]
        folds = [guarded(run, run.trainable.fold) if not run.has_failed else None for run in self.runs]
        self.folded = [
            run.trainable.no_prompt if one is None else one for run, one in zip(self.runs, folds, strict=True)
        ]

    def validation_step(self, batch: Rows, batch_idx: int) -> None:
        """Answer a batch of rows, all of the same run."""
        self.pause()
        index = int(batch.run[0])
        if self.runs[index].has_failed:  # the run's prompt could not be computed
            return
        for rows, scored in self._answers(batch):
            on_cpu = replace(scored, losses=scored.losses.cpu(), scores=scored.scores.cpu())
            self._gathered[index].append((rows.row.cpu(), on_cpu))

    def _answers(self, rows: Rows) -> list[tuple[Rows, Scored]]:
        """Answer rows in one forward pass, or in halves if the forward pass runs out of memory."""
        try:
            return [(rows, self.score(rows, self.folded))]
        except Exception as error:
            if not is_out_of_memory(error) or len(rows.row) == 1:
                raise
        self.runs[int(rows.run[0])].has_cut_answers = True
        return [answered for half in rows.halves() for answered in self._answers(half)]

    def on_validation_epoch_end(self) -> None:
        """Sort the answers by row; during training, pass each run the metrics of its evaluation."""
        loader = self.trainer.val_dataloaders
        assert isinstance(loader, EvalRows)
        examples = loader.split.examples
        self._agree()
        everyone = self.ranks.gather(self._gathered)
        for index, run in enumerate(self.runs):
            parts = [part for gathered in everyone for part in gathered[index]]
            self._gathered[index] = [] if run.has_failed else parts
        self.predictions = [gather(self.task, examples, parts) if parts else None for parts in self._gathered]
        if self.is_reporting:
            return
        if self.ranks.size > 1:
            self.ranks.check_same("trained numbers", fingerprint(self.trainables.state_dict().items()))
        self.epochs_done += 1
        self.last_evaluation = [None for _ in self.runs]
        for index, (run, predictions) in enumerate(zip(self.runs, self.predictions, strict=True)):
            if predictions is not None:
                metrics = predictions.metrics(self.metric_names)
                self.last_evaluation[index] = metrics
                run.observe(self.epochs_done, self.steps_done, metrics)
