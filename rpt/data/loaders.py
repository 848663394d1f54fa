"""Dataloaders over a tokenised split: the training steps of an epoch, and the forward passes of an evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from rpt.config.trainer_flags import limited
from rpt.data.batches import deal, epoch_batches, num_batches
from rpt.data.encode import Encoded, pad
from rpt.data.evaluation import EvalPasses, ForwardPass, plan_passes
from rpt.data.rows import Rows

LIMIT_SEED = 0
"""Seed with which the forward passes of a limited evaluation are drawn. It is the same for all runs."""


def make_rows(
    split: Encoded,
    pairs: Sequence[tuple[int, int]],
    pad_id: int,
    terms_of_run: Sequence[int],
    *,
    with_choices: bool = False,
) -> Rows:
    """Build a batch of tensors (`Rows`) from pairs of a run and a row of a split.

    Args:
        split: Tokenised split.
        pairs: Index of the run and number of the row, for each row of the batch.
        pad_id: Token id that fills padding.
        terms_of_run: Number of loss terms of each pair's run in the whole training step. A row has a term for each
            output token of a language model, or a single term for a head.
        with_choices: Whether the batch holds the token ids of all choices of a row instead of the right answer alone.
    """
    texts = [(position, ids) for position, (_, row) in enumerate(pairs) for ids in split.inputs[row]]
    written = [
        (position, ids)
        for position, (_, row) in enumerate(pairs)
        for ids in (split.choices[row] if with_choices else [split.outputs[row]])
        if ids
    ]
    ids, mask = pad([ids for _, ids in texts], pad_id)
    segments = torch.zeros_like(ids)
    if split.segments:
        segments, _ = pad([types for _, row in pairs for types in split.segments[row]], 0)
    written_ids, written_mask = pad([ids for _, ids in written], pad_id)
    examples = [split.examples[row] for _, row in pairs]
    return Rows(
        examples=examples,
        run=torch.tensor([run for run, _ in pairs], dtype=torch.long),
        row=torch.tensor([row for _, row in pairs], dtype=torch.long),
        target=torch.tensor(
            [-1 if example.target is None else example.target for example in examples], dtype=torch.long
        ),
        terms_of_run=torch.tensor(terms_of_run, dtype=torch.get_default_dtype()),
        ids=ids,
        mask=mask,
        segments=segments,
        row_of_text=torch.tensor([position for position, _ in texts], dtype=torch.long),
        written=written_ids,
        written_mask=written_mask,
        row_of_written=torch.tensor([position for position, _ in written], dtype=torch.long),
    )


def step_rows(split: Encoded, rows_of_runs: Sequence[Sequence[int]], pad_id: int) -> Rows:
    """Build a batch of tensors (`Rows`) from the rows of a training step.

    Args:
        split: Tokenised train split.
        rows_of_runs: Row numbers of each run, by index of the run; empty for a run that does not train.
        pad_id: Token id that fills padding.
    """
    pairs = [(run, row) for run, rows in enumerate(rows_of_runs) for row in rows]
    terms = [sum(map(split.terms, rows)) for rows in rows_of_runs]
    return make_rows(split, pairs, pad_id, [terms[run] for run, _ in pairs])


def plan_pairs(
    split: Encoded,
    pairs: Sequence[tuple[int, int]],
    prompt_lengths: Sequence[int],
    passes: EvalPasses,
    *,
    with_choices: bool,
) -> list[tuple[ForwardPass, int]]:
    """Cut pairs of a run and a row into the forward passes of an evaluation.

    Args:
        split: Tokenised split.
        pairs: Index of the run and number of the row, for each answer to compute.
        prompt_lengths: Number of virtual tokens of each run.
        passes: Rules by which the evaluation is cut into forward passes.
        with_choices: Whether a row needs the token ids of all its choices instead of the right text alone.

    Returns:
        Each forward pass, whose `rows` are positions in `pairs`, with its number of tokens, padding excluded.
    """
    costs_choices = with_choices and not passes.has_cached_texts
    lengths = [prompt_lengths[run] + split.lengths[row] for run, row in pairs]
    counts = [max(len(split.inputs[row]), len(split.choices[row]) if costs_choices else 1) for _, row in pairs]
    plan = plan_passes(passes, lengths, counts)
    return [(forward, sum(lengths[position] * counts[position] for position in forward.rows)) for forward in plan]


def limited_passes(
    plan: Sequence[tuple[ForwardPass, int]], limit: int | float | None
) -> Sequence[tuple[ForwardPass, int]]:
    """Keep a part of the forward passes of an evaluation.

    The plan is sorted by length, so its first forward passes hold the shortest texts. The kept forward passes are drawn
    with a fixed seed.

    Args:
        plan: Forward passes, as `plan_pairs` returns them.
        limit: Largest number of forward passes (int), or share of the forward passes (float); None for all.

    Returns:
        Kept forward passes, in the order of `plan`.
    """
    count = limited(len(plan), limit)
    if count == len(plan):
        return plan
    order = torch.randperm(len(plan), generator=torch.Generator().manual_seed(LIMIT_SEED)).tolist()
    return [plan[position] for position in sorted(order[:count])]


def rows_of_pass(
    split: Encoded, pairs: Sequence[tuple[int, int]], forward: ForwardPass, pad_id: int, *, with_choices: bool
) -> Rows:
    """Build the batch of tensors of a forward pass that `plan_pairs` has planned.

    Returns:
        Rows of the forward pass. `Rows.row` holds the positions in `pairs`.
    """
    chosen = [pairs[position] for position in forward.rows]
    rows = make_rows(split, chosen, pad_id, [1] * len(chosen), with_choices=with_choices)
    return replace(rows, row=torch.tensor(forward.rows, dtype=torch.long), width=forward.width)


class TrainLoader:
    """Dataloader of training steps, one epoch for each iteration. The first iteration begins at `first_step`.

    Args:
        split: Tokenised train split.
        batch_size: Number of rows of a run in a step.
        order_seeds: Seed of the order of rows, for each run.
        pad_id: Token id that fills padding.
        first_step: Number of training steps before the first step of the next iteration.
        trains: Function that returns for each run whether it still trains. A run that does not train has no rows.
        limit: Largest number of steps of an epoch (int), or the share of its steps (float); None for all.
    """

    def __init__(
        self,
        split: Encoded,
        *,
        batch_size: int,
        order_seeds: Sequence[int],
        pad_id: int,
        first_step: int,
        trains: Callable[[], Sequence[bool]],
        limit: int | float | None = None,
    ) -> None:
        self.first_step = first_step
        self.steps_per_epoch = limited(num_batches(len(split), batch_size), limit)
        self._split = split
        self._batch_size = batch_size
        self._order_seeds = order_seeds
        self._pad_id = pad_id
        self._trains = trains

    def __len__(self) -> int:
        """Number of steps of the next iteration."""
        return self.steps_per_epoch - self.first_step % self.steps_per_epoch

    def __iter__(self) -> Iterator[Rows]:
        """Yield the rows of each step, until the epoch ends.

        An iterator changes nothing before its first step, because Lightning may make an iterator that it does not use.
        """
        epoch, start = divmod(self.first_step, self.steps_per_epoch)
        self.first_step = (epoch + 1) * self.steps_per_epoch
        lengths = self._split.lengths
        batches = {seed: epoch_batches(lengths, self._batch_size, seed, epoch) for seed in set(self._order_seeds)}
        for index in range(start, self.steps_per_epoch):
            runs = zip(self._order_seeds, self._trains(), strict=True)
            yield step_rows(
                self._split, [batches[seed][index] if trains else [] for seed, trains in runs], self._pad_id
            )


class EvalLoader:
    """Dataloader of the forward passes of an evaluation: all forward passes of the first run, then of the next run.

    A forward pass holds rows of one run only, so that training runs together does not change a bit of their answers.
    For the same reason, a forward pass is computed by one process and never divided among processes.

    Args:
        split: Tokenised split.
        prompt_lengths: Number of virtual tokens of each run.
        passes: Rules by which the evaluation is cut into forward passes.
        pad_id: Token id that fills padding.
        with_choices: Whether a row needs the token ids of all its choices instead of the right text alone.
        answers: Function that returns for each run whether it takes part in the evaluation.
        rank: Number of this process among the processes that share the evaluation, from 0.
        num_ranks: Number of processes that share the evaluation.
        limit: Largest number of forward passes of a run (int), or share of its forward passes (float); None for all.
            The forward passes of a limited evaluation are drawn with a fixed seed.
    """

    def __init__(
        self,
        split: Encoded,
        *,
        prompt_lengths: Sequence[int],
        passes: EvalPasses,
        pad_id: int,
        with_choices: bool,
        answers: Callable[[], Sequence[bool]],
        rank: int = 0,
        num_ranks: int = 1,
        limit: int | float | None = None,
    ) -> None:
        self._split = split
        self._passes = passes
        self._pad_id = pad_id
        self._with_choices = with_choices
        self._answers = answers
        self._limit = limit
        plans = {length: list(self._forwards(length, rank, num_ranks)) for length in set(prompt_lengths)}
        self._plan_of = [plans[length] for length in prompt_lengths]

    def __len__(self) -> int:
        """Number of forward passes."""
        answers = self._answers()
        count = sum(len(plan) for plan, takes_part in zip(self._plan_of, answers, strict=True) if takes_part)
        # Lightning skips an empty evaluation. The other ranks would then wait forever for this rank's answers.
        return max(count, any(answers))

    def __iter__(self) -> Iterator[Rows]:
        """Yield the forward passes of each run."""
        for run, (plan, takes_part) in enumerate(zip(self._plan_of, self._answers(), strict=True)):
            if takes_part:
                yield from (rows.of_run(run) for rows in plan)

    def _forwards(self, prompt_length: int, rank: int, num_ranks: int) -> Iterator[Rows]:
        """Yield this process's forward passes over the split, for a given prompt length."""
        pairs = [(0, row) for row in range(len(self._split))]
        plan = plan_pairs(self._split, pairs, [prompt_length], self._passes, with_choices=self._with_choices)
        plan = list(limited_passes(plan, self._limit))
        for position in deal([cost for _, cost in plan], num_ranks)[rank]:
            forward, _ = plan[position]
            yield rows_of_pass(self._split, pairs, forward, self._pad_id, with_choices=self._with_choices)
