"""Lightning data module, which turns tokenised splits into training steps and evaluations for all runs of a pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import lightning
import torch

from rpt.data.batches import num_batches
from rpt.data.encode import Encoded
from rpt.data.loaders import EvalLoader, TrainLoader
from rpt.data.rows import Rows
from rpt.training.ranks import ALONE, Ranks


class PackData(lightning.LightningDataModule):
    """The splits of a pack: for training, for the selection of the checkpoint, and for the reported score.

    Args:
        train: Tokenised rows to train on.
        held_out: Tokenised rows of the selection split, which select the checkpoint.
        reported: Tokenised rows of the reported score.
        pad_id: Token id that fills padding.
        batch_size: Number of rows of a run in a step.
        order_seeds: Seed of the order of rows, for each run.
        prompt_lengths: Number of virtual tokens of each run.
        eval_token_budget: Largest number of tokens of a forward pass in an evaluation.
        with_choices: Whether an evaluation needs the token ids of all choices instead of the right text alone.
        is_active: Function that returns for each run whether it still trains.
        steps_done: Function that returns the number of finished steps, so that a run can resume within an epoch.
        ranks: Ranks that share the rows of every step and evaluation.
    """

    def __init__(
        self,
        *,
        train: Encoded,
        held_out: Encoded,
        reported: Encoded,
        pad_id: int,
        batch_size: int,
        order_seeds: Sequence[int],
        prompt_lengths: Sequence[int],
        eval_token_budget: int,
        with_choices: bool,
        is_active: Callable[[], Sequence[bool]],
        steps_done: Callable[[], int],
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__()
        self.train = train
        self.held_out = held_out
        self.reported = reported
        self.pad_id = pad_id
        self.batch_size = batch_size
        self.order_seeds = list(order_seeds)
        self.prompt_lengths = list(prompt_lengths)
        self.eval_token_budget = eval_token_budget
        self.with_choices = with_choices
        self.is_active = is_active
        self.steps_done = steps_done
        self.ranks = ranks
        self.steps_per_epoch = num_batches(len(train), batch_size)

    def train_dataloader(self) -> TrainLoader:
        """Return the remaining steps of the current epoch."""
        return TrainLoader(
            self.train,
            batch_size=self.batch_size,
            order_seeds=self.order_seeds,
            pad_id=self.pad_id,
            first_step=self.steps_done(),
            trains=self.is_active,
        )

    def val_dataloader(self) -> EvalLoader:
        """Return the evaluation of the selection split, for every run that still trains."""
        return self.evaluation(self.held_out, self.is_active)

    def transfer_batch_to_device(self, batch: Rows, device: torch.device, dataloader_idx: int) -> Rows:
        """Leave the rows where they are, because the module moves each forward pass after it has cut the rows."""
        return batch

    def evaluation(self, split: Encoded, answers: Callable[[], Sequence[bool]]) -> EvalLoader:
        """Return an evaluation of a split for the runs that `answers` returns when the evaluation begins."""
        return EvalLoader(
            split,
            prompt_lengths=self.prompt_lengths,
            token_budget=self.eval_token_budget,
            pad_id=self.pad_id,
            with_choices=self.with_choices,
            answers=answers,
            rank=self.ranks.rank,
            num_ranks=self.ranks.size,
        )
