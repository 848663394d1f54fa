"""Cost of a step or another item in CPU and wall seconds, and ratios of costs that were measured alternately."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

Cost = dict[str, float]
"""Seconds of an item, such as a training step: `cpu`, user and system time of this process, and `wall`."""


def cost(steps: Callable[[], None], count: int) -> Cost:
    """Call a function that handles `count` items, such as training steps, and return the mean cost of an item."""
    cpu, wall = time.process_time(), time.perf_counter()
    steps()
    seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {clock: total / count for clock, total in seconds.items()}


def summary(reference: Sequence[Cost], rounds: Sequence[Cost]) -> dict[str, float]:
    """Return the median cost of a variant, and the ratio of the reference's cost to it.

    Args:
        reference: Cost of the reference in each round.
        rounds: Cost of the variant in the same rounds.

    Returns:
        `cpu` and `wall`, median seconds of an item; `cpu_ratio` and `wall_ratio`, the median over rounds of the
        reference's cost divided by the variant's.
    """
    row = {}
    for clock in ("cpu", "wall"):
        row[clock] = statistics.median(cost[clock] for cost in rounds)
        ratios = [base[clock] / cost[clock] for base, cost in zip(reference, rounds, strict=True)]
        row[f"{clock}_ratio"] = statistics.median(ratios)
    return row
