"""Lightning data module, which turns tokenised splits into training steps and evaluations for all runs of a pack."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace

import lightning
import torch

from rpt.data.batches import cuts, deal, epoch_batches, num_batches
from rpt.data.encode import Encoded, pad
from rpt.data.rows import Rows
from rpt.training.ranks import ALONE, Ranks


def make_rows(
    split: Encoded,
    pairs: Sequence[tuple[int, int]],
    pad_id: int,
    terms_of_run: Sequence[int],
    *,
    with_choices: bool = False,
) -> Rows:
    """Put `(run, row)` pairs of a split into tensors.

    Args:
        split: Tokenised split.
        pairs: Index of the run and number of the row, for each row of the batch.
        pad_id: Token id that fills padding.
        terms_of_run: For each pair the number of terms of its run's training loss.
        with_choices: Whether `written` holds all choices of a row instead of the right text alone.
    """
    texts = [(at, ids) for at, (_, row) in enumerate(pairs) for ids in split.inputs[row]]
    written = [
        (at, ids)
        for at, (_, row) in enumerate(pairs)
        for ids in (split.choices[row] if with_choices else [split.outputs[row]])
        if ids
    ]
    ids, mask = pad([ids for _, ids in texts], pad_id)
    segments = torch.zeros_like(ids)
    if split.segments:
        segments, _ = pad([types for _, row in pairs for types in split.segments[row]], 0)
    written_ids, written_mask = pad([ids for _, ids in written], pad_id)
    targets = [split.examples[row].target for _, row in pairs]
    return Rows(
        run=torch.tensor([run for run, _ in pairs]),
        row=torch.tensor([row for _, row in pairs]),
        target=torch.tensor([-1 if target is None else target for target in targets]),
        terms_of_run=torch.tensor(terms_of_run, dtype=torch.get_default_dtype()),
        ids=ids,
        mask=mask,
        segments=segments,
        row_of_text=torch.tensor([at for at, _ in texts]),
        written=written_ids,
        written_mask=written_mask,
        row_of_written=torch.tensor([at for at, _ in written], dtype=torch.long),
    )


@dataclass(frozen=True)
class Step:
    """The rows of a training step, for all active runs.

    Attributes:
        split: Tokenised train split.
        rows: Row numbers of each run, by index of the run; empty for a run that does not train.
        pad_id: Token id that fills padding.
        device: Device of the forward passes.
        ranks: Ranks that share the step. Each rank cuts its part of the rows and divides by the terms of all rows.
    """

    split: Encoded
    rows: Sequence[Sequence[int]]
    pad_id: int
    device: torch.device = torch.device("cpu")  # noqa: RUF009  (immutable)
    ranks: Ranks = ALONE

    def to(self, device: torch.device) -> Step:
        """Return a copy of the step whose forward passes run on a device."""
        return replace(self, device=device)

    def without(self, runs: Container[int]) -> Step:
        """Return a copy of the step without the rows of some runs."""
        return replace(self, rows=[[] if run in runs else rows for run, rows in enumerate(self.rows)])

    def cut(self, prompt_lengths: Sequence[int], token_budget: int, *, exact: bool) -> Iterator[Rows]:
        """Cut the step into forward passes of rows of similar length under a token budget.

        Args:
            prompt_lengths: Number of virtual tokens of each run.
            token_budget: Largest number of tokens of a forward pass, padding included.
            exact: Whether every forward pass holds rows of a single run, cut as if the run were alone in the pack.
        """
        if exact:
            for run in range(len(self.rows)):
                others = set(range(len(self.rows))) - {run}
                yield from self.without(others).cut(prompt_lengths, token_budget, exact=False)
            return
        pairs = [(run, row) for run, rows in enumerate(self.rows) for row in rows]
        terms = [sum(map(self.split.terms, rows)) for rows in self.rows]
        lengths = [prompt_lengths[run] + self.split.lengths[row] for run, row in pairs]
        counts = [len(self.split.inputs[row]) for _, row in pairs]
        mine = deal([length * count for length, count in zip(lengths, counts, strict=True)], self.ranks.size)[
            self.ranks.rank
        ]
        for places in cuts([lengths[at] for at in mine], token_budget, [counts[at] for at in mine]):
            chosen = [pairs[mine[place]] for place in places]
            yield make_rows(self.split, chosen, self.pad_id, [terms[run] for run, _ in chosen]).to(self.device)

    def tokens(self, run: int, prompt_length: int) -> int:
        """Count the tokens of prompt, text and output that a run trains on in this step, without padding."""
        texts = (text for row in self.rows[run] for text in self.split.inputs[row])
        written = sum(len(self.split.outputs[row]) for row in self.rows[run])
        return sum(prompt_length + len(text) for text in texts) + written


class TrainSteps:
    """The training steps from `first_step` to the end of its epoch. Lightning uses this iterable as a dataloader."""

    def __init__(self, data: PackData, first_step: int) -> None:
        self.data = data
        self.first_step = first_step

    def __len__(self) -> int:
        """Count the steps until the epoch ends."""
        return self.data.steps_per_epoch - self.first_step % self.data.steps_per_epoch

    def __iter__(self) -> Iterator[Step]:
        """Yield the steps. A run that is no longer active has no rows in a step."""
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
            yield Step(data.train, rows, data.pad_id, ranks=data.ranks)


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

    def train_dataloader(self) -> TrainSteps:
        """Return the remaining steps of the current epoch."""
        return TrainSteps(self, self.steps_done())

    def val_dataloader(self) -> EvalRows:
        """Return the evaluation of the selection split, for every run that still trains."""
        return self.evaluation(self.held_out, self.is_active)

    def transfer_batch_to_device(self, batch: Rows | Step, device: torch.device, dataloader_idx: int) -> Rows | Step:
        """Move rows or a step to a device by their own method."""
        return batch.to(device)

    def evaluation(self, split: Encoded, wanted: Callable[[], Sequence[bool]]) -> EvalRows:
        """Return an evaluation of a split for the runs that `wanted` returns when the evaluation begins."""
        return EvalRows(self, split, wanted)


class EvalRows:
    """The forward passes of an evaluation, run after run. Lightning uses this iterable as a dataloader.

    A run's forward passes are cut as if it were alone, so that packing does not change a bit of its answers.
    For the same reason, ranks share whole forward passes, not rows.
    """

    def __init__(self, data: PackData, split: Encoded, wanted: Callable[[], Sequence[bool]]) -> None:
        self.split = split
        self._wanted = wanted
        self._plans = {length: list(_evaluated(data, split, length)) for length in set(data.prompt_lengths)}
        self._plan_of = [self._plans[length] for length in data.prompt_lengths]

    def __len__(self) -> int:
        """Count the forward passes."""
        wanted = self._wanted()
        count = sum(len(plan) for plan, is_wanted in zip(self._plan_of, wanted, strict=True) if is_wanted)
        # Lightning skips an empty evaluation, and the other ranks would then wait forever for this rank's answers.
        return max(count, any(wanted))

    def __iter__(self) -> Iterator[Rows]:
        """Yield the forward passes of each run."""
        for run, (plan, wanted) in enumerate(zip(self._plan_of, self._wanted(), strict=True)):
            if wanted:
                yield from (rows.of_run(run) for rows in plan)


def _evaluated(data: PackData, split: Encoded, prompt_length: int) -> Iterator[Rows]:
    """Yield this rank's forward passes over a split, for a given prompt length."""
    lengths = [prompt_length + length for length in split.lengths]
    counts = [
        max(len(texts), len(choices) if data.with_choices else 1)
        for texts, choices in zip(split.inputs, split.choices, strict=True)
    ]
    forwards = cuts(lengths, data.eval_token_budget, counts)
    costs = [sum(lengths[row] * counts[row] for row in rows) for rows in forwards]
    for rows in (forwards[at] for at in deal(costs, data.ranks.size)[data.ranks.rank]):
        pairs = [(0, row) for row in rows]
        yield make_rows(split, pairs, data.pad_id, [1] * len(rows), with_choices=data.with_choices)
