"""Lightning data modules: the rows of a task as batches, for one run or for all runs of a pack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import lightning
import torch

from rpt.backbones.load import load_tokenizer
from rpt.backbones.texts import pad_id_of
from rpt.config.schema import Config
from rpt.config.trainer_flags import LightningFlags, limited
from rpt.data.batches import num_batches
from rpt.data.encode import Encoded
from rpt.data.evaluation import EvalPasses, choose_passes
from rpt.data.inputs import build_source, find_folder
from rpt.data.loaders import EvalLoader, TrainLoader, limited_passes, plan_pairs
from rpt.data.prepare import Splits, build_all_encoded, build_splits, build_task
from rpt.data.rows import Rows
from rpt.data.sources import Source


class TaskData(lightning.LightningDataModule):
    """The rows of a task as batches of tensors (`Rows`): read, divided into splits, and tokenised for a backbone.

    Only the backbone's tokenizer and config are read, not its weights.

    Args:
        config: Checked configuration, as `rpt.compose` returns it.
        source: Rows of the task; None reads the rows that the configuration names.

    Attributes:
        task: Task that turns rows into examples, and reads answers from generated text.
        with_choices: Whether the scorer needs the token ids of all choices in an evaluation, not the right text alone.
            False for a scorer of the user, until `PromptTuner.from_config` builds the scorer and sets its value.

    Examples:
        >>> import rpt
        >>> data = rpt.TaskData(rpt.compose(["task=cb", "data.max_rows=40", "trainer.device=cpu"]))
        >>> data.setup()
        >>> rows = next(iter(data.train_dataloader()))
        >>> rows.ids.shape == rows.mask.shape  # [8 texts, tokens of the longest text]
        True
        >>> len(rows), rows.target.shape
        (8, torch.Size([8]))
    """

    def __init__(self, config: Config, source: Source | None = None) -> None:
        super().__init__()
        self.config = config
        self.task = build_task(config)
        self.with_choices = config.scorer.name == "rank"
        self.batch_size = config.trainer.batch_size
        self.order_seeds = [config.data.order_seed]
        self.prompt_lengths = [_prompt_length(config)]
        self.rank, self.num_ranks = 0, 1
        self.pad_id = 0
        self.encoded: Mapping[str, Encoded] = {}
        self._source = source

    def prepare_data(self) -> None:
        """Fetch the rows and the backbone's files, if they come from the hub. Lightning calls this in one process.

        Raises:
            DataError: The rows cannot be read.
            WeightsError: The backbone's files are not on this machine and cannot be downloaded.
        """
        if self.encoded:
            return
        find_folder(self.config)
        if self.config.data.source == "hub" and self._source is None:
            build_source(self.config)

    def setup(self, stage: str | None = None) -> None:
        """Read, divide and tokenise the rows, unless this was done before. All stages need the same three splits.

        In a Trainer, the scorer of its module decides whether an evaluation needs the token ids of all choices.

        Raises:
            DataError: The rows cannot be read, do not fit the task, or are over the limits of the configuration.
            WeightsError: The backbone's tokenizer cannot be used.
        """
        if not self.encoded:
            self.tokenise(load_tokenizer(find_folder(self.config), self.config.backbone.family))
        scorer = getattr(self.trainer and self.trainer.lightning_module, "scorer", None)
        if scorer is not None:
            self.with_choices = bool(scorer.with_choices)

    @cached_property
    def splits(self) -> Splits:
        """Examples of the train, selection and reported splits."""
        source = build_source(self.config) if self._source is None else self._source
        return build_splits(self.config, source, self.task)

    def tokenise(self, tokenizer: Any) -> None:
        """Tokenise all splits with the backbone's tokenizer, a fast tokenizer of transformers."""
        self.encoded = build_all_encoded(self.config, tokenizer, self.task, self.splits)
        self.pad_id = pad_id_of(tokenizer)

    @property
    def train(self) -> Encoded:
        """Tokenised rows to train on."""
        return self.encoded["train"]

    @property
    def held_out(self) -> Encoded:
        """Tokenised rows of the selection split, which select the checkpoint."""
        return self.encoded["held_out"]

    @property
    def reported(self) -> Encoded:
        """Tokenised validation rows, whose score is reported."""
        return self.encoded["reported"]

    @property
    def max_new_tokens(self) -> int | None:
        """Largest number of tokens that a scorer may generate: the longest answer of all rows. None if none is made."""
        if self.config.scorer.name in ("head", "rank"):
            return None
        return max((split.longest_output for split in self.encoded.values()), default=0)

    @cached_property
    def eval_passes(self) -> EvalPasses:
        """Rules by which an evaluation is cut into forward passes."""
        return choose_passes(self.config)

    @property
    def steps_per_epoch(self) -> int:
        """Number of training steps of an epoch."""
        return limited(num_batches(len(self.splits.train), self.batch_size), self._flags.limit_train_batches)

    @property
    def total_steps(self) -> int:
        """Number of training steps of the whole training."""
        return self.steps_per_epoch * self.config.trainer.epochs

    def train_dataloader(self) -> TrainLoader:
        """Return a loader of the current epoch's steps. Each epoch has its own order of rows."""
        return TrainLoader(
            self.train,
            batch_size=self.batch_size,
            order_seeds=self.order_seeds,
            pad_id=self.pad_id,
            first_step=self._first_step(),
            trains=self._trains,
            limit=self._flags.limit_train_batches,
        )

    def val_dataloader(self) -> EvalLoader:
        """Return a loader of the forward passes over the selection split, for each run that still trains."""
        return self.evaluation(self.held_out, self._trains, self._flags.limit_val_batches)

    def test_dataloader(self) -> EvalLoader:
        """Return a loader of the forward passes over the validation rows, for every run that gets a score."""
        return self.evaluation(self.reported, self._has_score, self._flags.limit_test_batches)

    def scored_rows(self, run: int = 0) -> list[int]:
        """List the numbers of the validation rows that a run is scored on, ascending.

        Args:
            run: Index of the run in the pack.
        """
        return self._evaluated(self.reported, run, self._flags.limit_test_batches)

    def selecting_rows(self, run: int = 0) -> list[int]:
        """List the numbers of the rows of the selection split that select a run's checkpoint, ascending.

        Args:
            run: Index of the run in the pack.
        """
        return self._evaluated(self.held_out, run, self._flags.limit_val_batches)

    def _evaluated(self, split: Encoded, run: int, limit: int | float | None) -> list[int]:
        if limit is None:
            return list(range(len(split)))
        pairs, lengths = [(0, row) for row in range(len(split))], [self.prompt_lengths[run]]
        plan = plan_pairs(split, pairs, lengths, self.eval_passes, with_choices=self.with_choices)
        return sorted({row for forward, _ in limited_passes(plan, limit) for row in forward.rows})

    @property
    def _flags(self) -> LightningFlags:
        return self.config.trainer.lightning

    def evaluation(
        self, split: Encoded, answers: Callable[[], Sequence[bool]], limit: int | float | None = None
    ) -> EvalLoader:
        """Return a loader of the forward passes over a split.

        Args:
            split: Tokenised split.
            answers: Function that returns for each run whether it is evaluated; called when the evaluation begins.
            limit: Largest number of forward passes of a run, or their share; None for all.
        """
        return EvalLoader(
            split,
            prompt_lengths=self.prompt_lengths,
            passes=self.eval_passes,
            pad_id=self.pad_id,
            with_choices=self.with_choices,
            answers=answers,
            rank=self.rank,
            num_ranks=self.num_ranks,
            limit=limit,
        )

    def transfer_batch_to_device(self, batch: Rows, device: torch.device, dataloader_idx: int) -> Rows:
        """Copy the tensors of a batch to a device."""
        return batch.to(device)

    def _first_step(self) -> int:
        """Return the number of training steps before the current epoch."""
        return 0 if self.trainer is None else self.trainer.current_epoch * self.steps_per_epoch

    def _trains(self) -> Sequence[bool]:
        return [True]

    def _has_score(self) -> Sequence[bool]:
        return [True]


@runtime_checkable
class Trained(Protocol):
    """State of a run that decides which batches hold its rows.

    Attributes:
        steps: Number of training steps that the run has taken.
    """

    steps: int

    @property
    def is_active(self) -> bool:
        """Whether the run still trains."""

    @property
    def has_score(self) -> bool:
        """Whether the run gets a score on the reported rows."""


class PackData(TaskData):
    """The rows of a task as batches for all runs of a pack. A training batch holds rows of each run that still trains.

    Args:
        configs: Configuration of each run; all have the same rows, splits and batch size.
        source: Rows of the task.
        rank: Number of this process among the processes that share steps and evaluations, from 0.
        num_ranks: Number of processes that share steps and evaluations.

    Attributes:
        runs: Runs of the pack, whose state decides which rows a batch holds.
    """

    def __init__(self, configs: Sequence[Config], source: Source, rank: int = 0, num_ranks: int = 1) -> None:
        super().__init__(configs[0], source)
        self.order_seeds = [config.data.order_seed for config in configs]
        self.prompt_lengths = [_prompt_length(config) for config in configs]
        self.rank, self.num_ranks = rank, num_ranks
        self.runs: Sequence[Trained] = ()

    def transfer_batch_to_device(self, batch: Rows, device: torch.device, dataloader_idx: int) -> Rows:
        """Return the rows on their present device. The module moves each forward pass after it has cut the rows."""
        return batch

    def _first_step(self) -> int:
        # A run that trains has taken every step of the pack, also after the pack was resumed within an epoch.
        return max((run.steps for run in self.runs), default=0)

    def _trains(self) -> Sequence[bool]:
        return [run.is_active for run in self.runs]

    def _has_score(self) -> Sequence[bool]:
        return [run.has_score for run in self.runs]


def _prompt_length(config: Config) -> int:
    """Return the number of virtual tokens; 0 for a run without a prompt."""
    return config.prompt.length if config.has_prompt else 0
