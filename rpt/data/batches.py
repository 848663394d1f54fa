"""Which rows go together: length buckets for the steps of training, cuts under a token budget for a forward.

Everything here is plain arithmetic on row numbers and lengths. A batch is a pure function of
(seed, epoch, position), so a resumed run goes on with the very rows that an uninterrupted one would have had.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

WINDOW = 16
"""Batches whose rows are sorted by length together: near-equal lengths in a batch, and still a random order."""


TRAINING_TOKENS = {"cpu": 2048, "cuda": 65_536}
"""Most tokens of a training forward, where nothing is said: what fills the device. More only takes memory: on two cores
4096 are as fast as 2048 (benchmarks/). A forward that does not fit is cut further by itself."""

EVALUATION_TOKENS = {"cpu": 8192, "cuda": 32_768}
"""Most tokens of an evaluation's forward pass by device, where the configuration leaves the budget to rpt."""

ONE_ROW = 1
"""A token budget under which each row has a forward pass of its own."""


def evaluation_tokens(device: torch.device, dtype: torch.dtype) -> int:
    """The token budget of an evaluation's forward passes, where the configuration leaves it to rpt.

    In bfloat16 the size of a forward pass moves scores by tenths of a nat. On a CPU, a row then has a forward pass of
    its own, so that no other row moves its score: that costs little there. On a GPU it would multiply the time.
    """
    is_coarse_on_cpu = device.type == "cpu" and dtype == torch.bfloat16
    return ONE_ROW if is_coarse_on_cpu else EVALUATION_TOKENS[device.type]


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """The batches of one epoch: every row once, in random order, rows of similar length together.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows of a batch; the last may have fewer.
        seed: The order's seed.
        epoch: Counted from 0; each has an order of its own.

    Returns:
        Lists of row numbers.
    """
    rng = torch.Generator().manual_seed(seed * 100_003 + epoch)
    order = torch.randperm(len(lengths), generator=rng).tolist()
    window = WINDOW * batch_size
    batches: list[list[int]] = []
    for start in range(0, len(order), window):
        rows = sorted(order[start : start + window], key=lambda row: lengths[row])
        batches += [rows[at : at + batch_size] for at in range(0, len(rows), batch_size)]
    shuffled = torch.randperm(len(batches), generator=rng).tolist()
    return [batches[index] for index in shuffled]


def num_batches(num_rows: int, batch_size: int) -> int:
    """Steps of one epoch."""
    return -(-num_rows // batch_size)


def deal(costs: Sequence[int], shares: int) -> list[list[int]]:
    """Deal items out so that every share costs about the same: the dearest first, each to the cheapest share so far.

    Args:
        costs: Of each item.
        shares: How many.

    Returns:
        For each share the positions of its items, ascending; together they hold each position once.
    """
    dealt: list[list[int]] = [[] for _ in range(shares)]
    sums = [0] * shares
    for position in sorted(range(len(costs)), key=lambda position: (-costs[position], position)):
        cheapest = sums.index(min(sums))
        dealt[cheapest].append(position)
        sums[cheapest] += costs[position]
    return [sorted(share) for share in dealt]


def cuts(lengths: Sequence[int], token_budget: int, counts: Sequence[int] | None = None) -> list[list[int]]:
    """Cut rows into forwards: sorted by length, each padded forward within the budget.

    Args:
        lengths: Tokens of each row as the backbone sees it, prompt included.
        token_budget: Most tokens, padding included, of one forward; a single larger row goes alone.
        counts: How many texts of that length each row brings; one where none are given.

    Returns:
        Lists of positions in `lengths`; together they hold each position once.
    """
    sizes = counts or [1] * len(lengths)
    order = sorted(range(len(lengths)), key=lambda position: (lengths[position], position))
    forwards: list[list[int]] = []
    texts = 0  # of the newest forward
    for position in order:  # ascending, so the newest row is the longest of its forward
        texts += sizes[position]
        if forwards and texts * lengths[position] <= token_budget:
            forwards[-1].append(position)
        else:
            forwards.append([position])
            texts = sizes[position]
    return forwards
