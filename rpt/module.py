"""PromptTuner: a frozen backbone and the K runs that share it, as one Lightning module. One run is a pack of one.

Lightning keeps the loop, the device and the progress; a `Run` keeps what belongs to one run. A training step
encodes each active run's prompt once, cuts the rows of all runs into forwards under a token budget, runs each cut
forward and backward onto the detached prompts, and then takes one backward through each encoder and one step of
each optimizer. Memory is bounded by the cut, not by the number of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightning
import torch
from jaxtyping import Float
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor, nn

from rpt.backbones.frozen import FrozenBackbone
from rpt.data.module import Rows, Step
from rpt.metrics import evaluate
from rpt.prompt.insert import insert
from rpt.run import Run
from rpt.scoring.head import HeadScorer

Prompts = Sequence[Float[Tensor, "_ hidden"]]


@dataclass
class Predictions:
    """What a run answers for the rows of one split, in the split's order.

    Attributes:
        scores: [rows, choices] on the CPU: logits in label order.
        target: Int64 [rows].
    """

    scores: Float[Tensor, "rows choices"]
    target: Tensor

    @property
    def predicted(self) -> Tensor:
        """The index of the highest score, int64 [rows]."""
        return self.scores.argmax(dim=1)

    @property
    def loss(self) -> float:
        """Mean cross-entropy in nats."""
        return float(nn.functional.cross_entropy(self.scores, self.target))

    def metrics(self, names: Sequence[str]) -> dict[str, float]:
        """The task's metrics, their mean as `score`, and the `loss`."""
        values = evaluate(names, self.predicted, self.target, self.scores.shape[1])
        return {**values, "loss": self.loss}


class PromptTuner(lightning.LightningModule):
    """Train K runs over one frozen backbone.

    Args:
        backbone: Shared, never changed.
        scorer: Turns hidden states into a score per choice.
        runs: The runs; each owns its parameters and optimizer.
        prompt_at: Text position that the prompt is put before: 0 in front, 1 after `[CLS]`.
        metrics: Names of the task's metrics.
        token_budget: Most tokens in one forward of a training step.
    """

    def __init__(
        self,
        *,
        backbone: FrozenBackbone,
        scorer: HeadScorer,
        runs: Sequence[Run],
        prompt_at: int,
        metrics: Sequence[str],
        token_budget: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False  # each run has an optimizer of its own
        self.backbone = backbone
        self.scorer = scorer
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
        self._scores: list[list[tuple[Tensor, Tensor, Tensor]]] = []

    def configure_optimizers(self) -> None:
        """None for Lightning: the runs own theirs."""

    def training_step(self, batch: Step, batch_idx: int) -> None:
        """Take one step of every active run; a run's loss is the mean over its own rows."""
        active = [run.is_active for run in self.runs]
        encoded = [run.encode() if run.is_active else run.trainable.no_prompt for run in self.runs]
        leaves = [prompt.detach().requires_grad_(prompt.requires_grad) for prompt in encoded]
        sums = torch.zeros(len(self.runs), dtype=torch.float64, device=self.device)
        for rows in batch.cut([len(prompt) for prompt in leaves], self.token_budget):
            scores = self._scores_of(rows, leaves)
            losses = self.scorer.losses(scores, rows.target)
            share = losses / rows.rows_of_run
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

    def _scores_of(self, rows: Rows, prompts: Prompts) -> Float[Tensor, "batch choices"]:
        embeds = self.backbone.embed(rows.ids)
        inserted = insert(prompts, rows.run, embeds, rows.mask, self.prompt_at)
        heads = [run.trainable.head for run in self.runs]
        return self.scorer.scores(self.backbone, inserted, rows.run, heads)

    def on_validation_epoch_start(self) -> None:
        """Begin to gather scores; the prompts are folded once."""
        self._scores = [[] for _ in self.runs]
        self.folded = [run.trainable.fold() for run in self.runs]

    def validation_step(self, batch: Rows, batch_idx: int) -> None:
        """Score rows with every run that needs it, one run at a time."""
        for index, run in enumerate(self.runs):
            if run.is_active or (not self._in_fit() and run.status != "failed"):
                rows = batch.of_run(index)
                scores = self._scores_of(rows, self.folded)
                self._scores[index].append((scores.cpu(), rows.row.cpu(), rows.target.cpu()))

    def on_validation_epoch_end(self) -> None:
        """Bring scores into the split's order; while training, let each run take its evaluation."""
        self.predictions = [_in_order(gathered) if gathered else None for gathered in self._scores]
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


def _in_order(gathered: list[tuple[Tensor, Tensor, Tensor]]) -> Predictions:
    scores, rows, targets = (torch.cat(parts) for parts in zip(*gathered, strict=True))
    order = rows.argsort()
    return Predictions(scores[order], targets[order])
