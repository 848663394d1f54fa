"""Group rows of similar length into training batches, and cut rows into forward passes under a token budget.

The rows of a batch depend only on the split, the batch size, the seed, the epoch and the batch's position in the epoch.
A resumed run therefore continues with the same rows as an uninterrupted run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from rpt.data.rows import Rows

WINDOW = 16
"""Number of batches whose rows are sorted by length together. Larger windows give more equal lengths in a batch."""


TRAINING_TOKENS = {"cpu": 2048, "cuda": 65_536}
"""Default token budget of a training forward pass, by device.

A larger budget only takes more memory: on two CPU cores, 4096 tokens are as fast as 2048 (benchmarks/). A forward pass
that does not fit into memory is cut further.
"""


CACHED_TEXT_COST = 0.25
"""Cost of a token of a cached text, as a fraction of the cost of a computed token.

The keys and values of a cached token take memory, but are not computed again.
"""


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the batches of one epoch: every row once, in random order, rows of similar length in the same batch.

    Args:
        lengths: Number of tokens of each row.
        batch_size: Number of rows of a batch. One batch may have fewer rows.
        seed: Seed of the order.
        epoch: Number of the epoch, from 0. Each epoch has another order.

    Returns:
        Row numbers of each batch.
    """
    rng = torch.Generator().manual_seed(seed * 100_003 + epoch)
    order = torch.randperm(len(lengths), generator=rng).tolist()
    window = WINDOW * batch_size
    batches: list[list[int]] = []
    for start in range(0, len(order), window):
        rows = sorted(order[start : start + window], key=lambda row: lengths[row])
        batches += [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]
    shuffled = torch.randperm(len(batches), generator=rng).tolist()
    return [batches[index] for index in shuffled]


def num_batches(num_rows: int, batch_size: int) -> int:
    """Compute the number of batches, and so of training steps, of an epoch."""
    return -(-num_rows // batch_size)


def deal(costs: Sequence[int], shares: int) -> list[list[int]]:
    """Distribute items over shares of about equal cost: the most expensive item first, each to the cheapest share.

    Args:
        costs: Cost of each item, in any unit.
        shares: Number of shares.

    Returns:
        For each share the positions of its items, ascending. Each position is in exactly one share.
    """
    dealt: list[list[int]] = [[] for _ in range(shares)]
    sums = [0] * shares
    for position in sorted(range(len(costs)), key=lambda position: (-costs[position], position)):
        cheapest = sums.index(min(sums))
        dealt[cheapest].append(position)
        sums[cheapest] += costs[position]
    return [sorted(share) for share in dealt]


def cuts(lengths: Sequence[int], token_budget: int, counts: Sequence[int] | None = None) -> list[list[int]]:
    """Cut rows, sorted by length, into forward passes under a token budget.

    Args:
        lengths: Number of tokens of each row as the backbone reads it, prompt included.
        token_budget: Largest number of tokens of a forward pass, padding included. A row above the budget has a forward
            pass of its own.
        counts: Number of texts that the backbone reads for each row; None means a single text for each row.

    Returns:
        Positions in `lengths` for each forward pass. Each position is in exactly one forward pass.
    """
    sizes = counts or [1] * len(lengths)
    order = sorted(range(len(lengths)), key=lambda position: (lengths[position], position))
    forwards: list[list[int]] = []
    texts = 0  # number of texts of the last forward pass
    for position in order:  # lengths ascend, so the current row is the longest of its forward pass
        texts += sizes[position]
        if forwards and texts * lengths[position] <= token_budget:
            forwards[-1].append(position)
        else:
            forwards.append([position])
            texts = sizes[position]
    return forwards


def forwards(
    rows: Rows,
    prompt_lengths: Sequence[int],
    token_budget: int,
    *,
    exact: bool = False,
    text_cost: float = 1.0,
    rank: int = 0,
    num_ranks: int = 1,
) -> Iterator[Rows]:
    """Cut the rows of a training step into forward passes of rows of similar length under a token budget.

    Args:
        rows: Rows of the step, of all runs.
        prompt_lengths: Number of virtual tokens of each run.
        token_budget: Largest number of tokens of a forward pass, padding included.
        exact: Whether every forward pass holds rows of a single run, cut as if the run were alone in the pack.
        text_cost: Cost of a text token in tokens of the budget: 1, or less if the texts are cached.
        rank: Number of this process among the processes that share the step, from 0.
        num_ranks: Number of processes that share the step. Each process cuts its part of the rows.
    """
    if exact:
        for run in range(len(prompt_lengths)):
            others = set(range(len(prompt_lengths))) - {run}
            own = rows.without(others)
            yield from forwards(own, prompt_lengths, token_budget, text_cost=text_cost, rank=rank, num_ranks=num_ranks)
        return
    lengths, counts = _sizes(rows, prompt_lengths, text_cost)
    costs = [length * count for length, count in zip(lengths, counts, strict=True)]
    mine = deal(costs, num_ranks)[rank]
    for cut in cuts([lengths[row] for row in mine], token_budget, [counts[row] for row in mine]):
        yield rows.pick([mine[position] for position in cut])


def _sizes(rows: Rows, prompt_lengths: Sequence[int], text_cost: float) -> tuple[list[int], list[int]]:
    """Return the sum of the tokens of prompt, longest text and longest output of each row, and its number of texts."""
    texts, outputs, counts = [0] * len(rows), [0] * len(rows), [0] * len(rows)
    for row, length in zip(rows.row_of_text.tolist(), rows.mask.sum(dim=1).tolist(), strict=True):
        texts[row] = max(texts[row], math.ceil(length * text_cost))
        counts[row] += 1
    for row, length in zip(rows.row_of_written.tolist(), rows.written_mask.sum(dim=1).tolist(), strict=True):
        outputs[row] = max(outputs[row], length)
    prompts = [prompt_lengths[run] for run in rows.run.tolist()]
    return [sum(parts) for parts in zip(prompts, texts, outputs, strict=True)], counts
