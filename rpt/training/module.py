"""PromptTuner: a Lightning module with a frozen backbone and the runs that share it (a pack of one or more runs).

Lightning controls the loop and the device. A `Run` holds everything that belongs to one run.
`rpt.training.step` cuts a step into forward passes. This module holds the methods that Lightning calls, and the
computation of a row's loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from rpt.backbones.frozen import FrozenBackbone, fingerprint
from rpt.backbones.split import split_before
from rpt.config.schema import Config
from rpt.data.batches import CACHED_TEXT_COST
from rpt.data.datamodule import TaskData
from rpt.data.rows import Rows
from rpt.prompt.text_prompt import Folded
from rpt.scoring.predictions import Part, Predictions, gather
from rpt.scoring.scorer import Scored, Scorer
from rpt.tasks.task import Task
from rpt.training.manual_module import ManualModule
from rpt.training.placement import Prompts, place_prompts, prefixed, reader, stop_keeping, text_cache
from rpt.training.ranks import ALONE, Ranks
from rpt.training.run import Run
from rpt.training.step import (
    GradientPass,
    encode_prompts,
    fold_prompts,
    scored_parts,
    share_failures,
    sum_over_ranks,
    undone_if_interrupted,
    update,
)


class PromptTuner(ManualModule):
    """Lightning module that trains one or more runs with one frozen backbone.

    Args:
        backbone: Backbone that all runs share.
        scorer: Scorer that computes losses and answers from rows with their prompts inserted.
        task: Task that reads the answers from generated text.
        runs: Runs of the pack; each run owns its parameters and its optimizer.
        prompt_at: Position in the text at which the prompt is inserted: 0 in front of the text, 1 after `[CLS]`. None
            inserts the prompt behind the text, and is allowed for decoders only.
        prompt_layer: Number of the layer before which the prompt enters; 0 for a prompt among the input embeddings.
        metrics: Names of the task's metrics.
        token_budget: Largest number of tokens in a forward pass of a training step. It is halved when a forward pass
            runs out of memory.
        exact: Whether each forward pass holds rows of one run only.
        ranks: Processes that train the same runs on different rows of each step; the default is this process alone.

    Attributes:
        token_budget: Token budget of the next forward pass.
        full_token_budget: Token budget at the start of training. `token_budget` is smaller once a forward pass has run
            out of memory.
        text_cache: Cache of the constant states of texts; None if the prompt changes all states of a text.
        pause: Function called before each forward pass of a training step or an evaluation. If it raises, the runs are
            as they were before the step.
        steps_done: Number of training steps of the whole training, including those before it was resumed.
        epochs_done: Number of epochs that were trained and evaluated.
        last_step: Loss, gradient norm and learning rate of each run in the last step; empty for a run without a step.
        last_evaluation: Metrics of each run on the selection split; None for a run that was not evaluated.
        predictions: Answers of each run in the last evaluation; None for a run that was not evaluated.
        folded: Exported prompt of each run in the last evaluation; a frozen encoder if no single matrix can replace it.

    Examples:
        >>> import rpt
        >>> config = rpt.compose(["task=cb", "data.max_rows=40", "trainer.device=cpu"])
        >>> data = rpt.TaskData(config)
        >>> module = rpt.PromptTuner.from_config(config, data)  # for lightning.Trainer().fit(module, data)
        >>> rows = next(iter(data.val_dataloader()))
        >>> module.score(rows, [run.trainable.fold() for run in module.runs]).scores.shape[1]  # logits of 3 labels
        3
    """

    def __init__(
        self,
        *,
        backbone: FrozenBackbone,
        scorer: Scorer,
        task: Task,
        runs: Sequence[Run],
        prompt_at: int | None,
        metrics: Sequence[str],
        token_budget: int,
        exact: bool,
        ranks: Ranks = ALONE,
        prompt_layer: int = 0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.scorer = scorer
        self.task = task
        self.runs = list(runs)
        self.trainables = nn.ModuleList(run.trainable for run in runs)
        self.prompt_at = prompt_at
        self.split = split_before(backbone, prompt_layer) if prompt_layer else None
        self._place = partial(place_prompts, backbone, prompt_at=prompt_at, split=self.split, prefixed=prefixed(runs))
        self.text_cache = text_cache(backbone, self.split, prompt_at)
        self.metric_names = metrics
        self.full_token_budget = token_budget
        self.ranks = ranks
        text_cost = CACHED_TEXT_COST if prompt_at is None else 1.0
        self._free_memory = free = partial(stop_keeping, self.text_cache)
        backward = self.run_backward
        self._passes = GradientPass(self.runs, self.losses, backward, token_budget, exact, ranks, text_cost, free)
        self.pause: Callable[[], None] = lambda: None
        self.steps_done = 0
        self.epochs_done = 0
        self.last_step: list[dict[str, float]] = []
        self.last_evaluation: list[dict[str, float] | None] = []
        self.predictions: list[Predictions | None] = []
        self.folded: list[Folded] = []
        self._scored: list[list[Part]] = []  # answers of this evaluation, by run

    @classmethod
    def from_config(cls, config: Config, data: TaskData) -> PromptTuner:
        """Load the backbone and build the module of one run, for Lightning's own Trainer.

        If the run fails, the module raises `RunFailed` at the end of the step or evaluation. The cause of the error is
        the exception of the encoder or the optimizer; a loss that is not a number has no cause.

        Args:
            config: Checked configuration, as `rpt.compose` returns it.
            data: Data module, built from a configuration with the same sections `task`, `data`, `protocol`,
                `backbone`, `scorer`, `prompt` and `trainer`.

        Raises:
            ConfigError: A value in one of these sections differs, or a value does not fit the rows or the backbone.
            DataError: The rows cannot be read or do not fit the task.
            RunFailed: The encoder raises an exception.
            WeightsError: The backbone cannot be loaded.
        """
        from rpt.build import build_single  # rpt.build imports this module

        return build_single(config, data)

    def configure_optimizers(self) -> tuple[list[Optimizer], list[LRScheduler]]:
        """Return the optimizer and schedule of each run for Lightning's callbacks to read. The run steps them."""
        return [run.optimizer for run in self.runs], [run.schedule for run in self.runs]

    @property
    def token_budget(self) -> int:
        """Token budget of the next forward pass of training."""
        return self._passes.token_budget

    @token_budget.setter
    def token_budget(self, tokens: int) -> None:
        self._passes.token_budget = tokens

    def losses(self, rows: Rows, prompts: Prompts) -> Float[Tensor, " rows"]:
        """Compute the training loss of each row: the frozen backbone reads the text with the prompt of the row's run.

        Args:
            rows: Rows of a forward pass.
            prompts: Encoded prompt of each run.
        """
        self.pause()
        with self._backbone_dropout(rows):
            placed = self._place(rows, prompts)
            return self.scorer.losses(reader(self.backbone, self.split), placed, rows, self._heads())

    def training_step(self, batch: Rows, batch_idx: int) -> None:
        """Take one step of every active run.

        The loss of a run is the mean over its rows, or for a language model over the tokens of the right answers.

        1. Each active run encodes its prompt once.
        2. `losses` is called for forward passes under a token budget. The backward pass of each ends at the detached
           prompts.
        3. Each run continues the backward pass through its own encoder, and steps its own optimizer.

        An exception in a run's own encoder or optimizer fails only that run.

        Raises:
            RunFailed: The run of a module for Lightning's own Trainer has failed.
        """
        with undone_if_interrupted(self.runs):
            if any(run.trainable.needs_texts for run in self.runs):
                batch = batch.numbered()
            encoded = encode_prompts(self.runs, batch, self.backbone)
            share_failures(self.runs, self.ranks)
            idle = {index for index, run in enumerate(self.runs) if not run.is_active}
            prompts, losses = self._passes.accumulate(batch.without(idle) if idle else batch, encoded)
            losses = sum_over_ranks(self.runs, prompts, losses, self.ranks)
        self.last_step = [{} for _ in self.runs]
        for index, run in enumerate(self.runs):
            prompt = encoded[index]
            if run.is_active and prompt is not None:
                self.last_step[index] = update(run, prompt, prompts[index], losses[index])
                run.tokens += batch.num_tokens(index, prompt.length)
        share_failures(self.runs, self.ranks)
        self.steps_done += 1
        self.log_means("train", [values for values in self.last_step if values])
        self._end_part()

    @contextmanager
    def _backbone_dropout(self, rows: Rows) -> Iterator[None]:
        """Activate the backbone's dropout, drawn from the random stream of the only run in the forward pass."""
        if not self.backbone.dropout:
            yield
            return
        with self.runs[int(rows.run[0])].random.active(), self.backbone.dropping():
            yield

    def _heads(self) -> list[nn.Module | None]:
        return [run.trainable.head for run in self.runs]

    def score(self, rows: Rows, prompts: Prompts) -> Scored:
        """Compute losses and answers of rows with the prompts of their runs."""
        return self.scorer.score(reader(self.backbone, self.split), self._place(rows, prompts), rows, self._heads())

    def on_validation_epoch_start(self) -> None:
        """Begin an evaluation: clear the answers and compute each run's prompt once, without dropout."""
        self._scored = [[] for _ in self.runs]
        self.folded = fold_prompts(self.runs)
        self._end_part()

    def on_test_epoch_start(self) -> None:
        """Begin the evaluation of the reported rows, with each run's selected checkpoint."""
        for run in self.runs:
            if run.best is not None and run.has_score:
                run.restore_best()
        self.on_validation_epoch_start()

    def validation_step(self, batch: Rows, batch_idx: int) -> None:
        """Compute the answers to a batch of rows, all of the same run."""
        self.pause()
        index = int(batch.run[0])
        if self.runs[index].has_failed:  # the run's prompt could not be computed
            return
        self._scored[index] += self.answer(batch)

    test_step = validation_step

    def answer(self, rows: Rows) -> list[Part]:
        """Compute the answers to rows with the exported prompt (`folded`) of each row's run, and copy them to the CPU.

        The result has a part for each forward pass: one, or several after `scored_parts` has run out of memory.
        """
        rows = rows.to(self.backbone.device)
        parts = scored_parts(rows, lambda part: self.score(part, self.folded), self._free_memory)
        if len(parts) > 1:
            self.runs[int(rows.run[0])].has_cut_answers = True
        return parts

    def on_validation_epoch_end(self) -> None:
        """Pass each run its metrics on the selection split, which select its checkpoint, at the end of an epoch.

        An evaluation by `Trainer.validate` ends no epoch, and changes no run.

        Raises:
            RunFailed: The run of a module for Lightning's own Trainer has failed.
        """
        if self.trainer.sanity_checking:  # Lightning's check of the first batches before training
            return
        self._gather()
        if self.ranks.size > 1:
            self.ranks.check_same("trained parameters", fingerprint(self.trainables.state_dict().items()))
        self.epochs_done += self.is_ending_epoch
        self.last_evaluation = [None for _ in self.runs]
        for index, (run, predictions) in enumerate(zip(self.runs, self.predictions, strict=True)):
            if predictions is not None:
                metrics = predictions.metrics(self.metric_names)
                self.last_evaluation[index] = metrics
                if self.is_ending_epoch:
                    run.observe(self.epochs_done, self.steps_done, metrics)
        self.log_metrics("held_out", self.last_evaluation)
        self._end_part()

    def on_test_epoch_end(self) -> None:
        """Keep the answers to the reported rows as `predictions`."""
        self._gather()
        metrics = [None if answers is None else answers.metrics(self.metric_names) for answers in self.predictions]
        self.log_metrics("reported", metrics)

    def _end_part(self) -> None:
        self.tell_trainer(self.steps_done, any(run.is_active for run in self.runs))
        for run in self.runs:
            run.check()

    def _gather(self) -> None:
        """Collect the answers of all ranks, and store them in the split's order as `predictions`."""
        share_failures(self.runs, self.ranks)
        of_ranks = self.ranks.gather(self._scored)
        for index, run in enumerate(self.runs):
            parts = [part for scored in of_ranks for part in scored[index]]
            self._scored[index] = [] if run.has_failed else parts
        self.predictions = [gather(self.task, parts) if parts else None for parts in self._scored]
