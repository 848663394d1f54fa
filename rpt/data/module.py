"""From encoded splits to the batches of a pack: which rows of which runs go through the backbone together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import lightning
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from rpt.data.batches import cuts, epoch_batches, num_batches
from rpt.data.encode import Encoded, pad


@dataclass(frozen=True)
class Rows:
    """Rows for one forward, each with the run that it belongs to.

    Attributes:
        run: Index of the run in the pack.
        row: Number of the row in its split.
        ids: Token ids, padded on the right.
        mask: 1 at text, 0 at padding.
        target: The right choice.
        rows_of_run: How many rows the row's run has in the whole step, of which this may be a cut.
    """

    run: Int64[Tensor, batch]
    row: Int64[Tensor, batch]
    ids: Int64[Tensor, "batch tokens"]
    mask: Int64[Tensor, "batch tokens"]
    target: Int64[Tensor, batch]
    rows_of_run: Float[Tensor, batch]

    def to(self, device: torch.device) -> Rows:
        """The same rows on a device."""
        moved = {name: value.to(device, non_blocking=True) for name, value in vars(self).items()}
        return Rows(**moved)

    def of_run(self, index: int) -> Rows:
        """The same rows as another run sees them."""
        return replace(self, run=torch.full_like(self.run, index))


@dataclass(frozen=True)
class Step:
    """The rows of one training step, of all active runs.

    Attributes:
        split: The train split.
        rows: Row numbers, by index of the run; empty for a run that does not train.
        pad_id: The tokenizer's padding token.
        device: Where forwards run.
    """

    split: Encoded
    rows: Sequence[Sequence[int]]
    pad_id: int
    device: torch.device = torch.device("cpu")  # noqa: RUF009  (immutable)

    def to(self, device: torch.device) -> Step:
        """The same step, whose cuts will be made on a device."""
        return replace(self, device=device)

    def cut(self, prompt_lengths: Sequence[int], token_budget: int) -> Iterator[Rows]:
        """Cut the step into forwards of similar length under a token budget."""
        pairs = [(run, row) for run, rows in enumerate(self.rows) for row in rows]
        lengths = [prompt_lengths[run] + len(self.split.ids[row]) for run, row in pairs]
        for positions in cuts(lengths, token_budget):
            chosen = [pairs[position] for position in positions]
            counts = [len(self.rows[run]) for run, _ in chosen]
            yield make_rows(self.split, chosen, self.pad_id, counts).to(self.device)

    def tokens(self, run: int, prompt_length: int) -> int:
        """Tokens of prompt and text that one run trains on in this step, padding not counted."""
        return sum(prompt_length + len(self.split.ids[row]) for row in self.rows[run])


def make_rows(split: Encoded, pairs: Sequence[tuple[int, int]], pad_id: int, rows_of_run: Sequence[int]) -> Rows:
    """Put `(run, row)` pairs of a split into tensors."""
    ids, mask = pad([split.ids[row] for _, row in pairs], pad_id)
    return Rows(
        run=torch.tensor([run for run, _ in pairs]),
        row=torch.tensor([row for _, row in pairs]),
        ids=ids,
        mask=mask,
        target=torch.tensor([split.examples[row].target for _, row in pairs]),
        rows_of_run=torch.tensor(rows_of_run, dtype=torch.get_default_dtype()),
    )


class TrainSteps:
    """The steps of one epoch from a given one on, in order. An iterable that Lightning takes as a dataloader."""

    def __init__(self, data: PackData, first_step: int) -> None:
        self.data = data
        self.first_step = first_step

    def __len__(self) -> int:
        """Steps until the epoch ends."""
        return self.data.steps_per_epoch - self.first_step % self.data.steps_per_epoch

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps; a run that has left by then brings no rows."""
        data = self.data
        epoch = self.first_step // data.steps_per_epoch
        orders = {
            seed: epoch_batches(data.train.lengths, data.batch_size, seed, epoch) for seed in set(data.order_seeds)
        }
        for index in range(self.first_step % data.steps_per_epoch, data.steps_per_epoch):
            active = data.is_active()
            rows = [
                orders[seed][index] if trains else [] for seed, trains in zip(data.order_seeds, active, strict=True)
            ]
            yield Step(data.train, rows, data.pad_id)


class PackData(lightning.LightningDataModule):
    """The splits of a pack: steps for training, rows for choosing the checkpoint, rows for the reported score.

    Args:
        train: Rows that train.
        held_out: Rows that choose the checkpoint.
        reported: Rows whose score is reported, once.
        pad_id: The tokenizer's padding token.
        batch_size: Rows of one run in a step.
        order_seeds: Of each run.
        longest_prompt: Virtual tokens of the run that has most.
        eval_token_budget: Most tokens in one forward of an evaluation.
        is_active: Says of each run whether it still trains.
        steps_done: Says how many steps are done, so that a resumed epoch goes on in its middle.
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
        longest_prompt: int,
        eval_token_budget: int,
        is_active: Callable[[], Sequence[bool]],
        steps_done: Callable[[], int],
    ) -> None:
        super().__init__()
        self.train = train
        self.held_out = held_out
        self.reported = reported
        self.pad_id = pad_id
        self.batch_size = batch_size
        self.order_seeds = list(order_seeds)
        self.longest_prompt = longest_prompt
        self.eval_token_budget = eval_token_budget
        self.is_active = is_active
        self.steps_done = steps_done
        self.steps_per_epoch = num_batches(len(train), batch_size)

    def train_dataloader(self) -> TrainSteps:
        """The rest of the current epoch."""
        return TrainSteps(self, self.steps_done())

    def val_dataloader(self) -> EvalRows:
        """The rows that choose the checkpoint."""
        return self.evaluation(self.held_out)

    def transfer_batch_to_device(self, batch: Rows | Step, device: torch.device, dataloader_idx: int) -> Rows | Step:
        """Rows and steps know how to move themselves."""
        return batch.to(device)

    def evaluation(self, split: Encoded) -> EvalRows:
        """A split's rows in forwards of similar length; `run` is filled in by the module."""
        return EvalRows(split, self.pad_id, self.longest_prompt, self.eval_token_budget)


class EvalRows:
    """A split in forwards of similar length. An iterable that Lightning takes as one dataloader."""

    def __init__(self, split: Encoded, pad_id: int, longest_prompt: int, token_budget: int) -> None:
        lengths = [longest_prompt + length for length in split.lengths]
        self._forwards = [
            make_rows(split, [(0, row) for row in rows], pad_id, [1] * len(rows))
            for rows in cuts(lengths, token_budget)
        ]

    def __len__(self) -> int:
        """Number of forwards."""
        return len(self._forwards)

    def __iter__(self) -> Iterator[Rows]:
        """Yield the forwards."""
        return iter(self._forwards)
