"""Successive halving: at certain epochs (rungs), points are ranked; the worse points stop, and the others go on.

A point is a setting with its runs of several seeds. Only points of the same competition are ranked together.

Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (AISTATS 2016).
The paper doubles the training from rung to rung and keeps half of the points, rounded up. Here the share that
is kept is an option, and the number of epochs is multiplied by the inverse of this share from rung to rung.

The decisions are a pure function of held-out scores. A resumed pack therefore repeats them. This module does not import
torch, so that the launcher can name competitors before it trains anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from statistics import fmean

DIGITS = 9
"""Number of decimal digits to which a product is rounded before it is rounded up: 100 * 0.07 is 7.000000000000001."""


@dataclass(frozen=True)
class Competitor:
    """Competition, point and rungs of a run in successive halving. All values can be sent to a worker.

    Attributes:
        competition: Name of the competition. Only points of the same competition are ranked together.
        point: Name of the run's point. The runs of a point differ only in their seeds, and are judged by their mean.
        rungs: Epochs after which the competition's points are ranked, ascending.
        keep: Share of the points that go on after each rung, between 0 and 1.
    """

    competition: str
    point: str
    rungs: tuple[int, ...]
    keep: float


Competitors = Sequence[Competitor | None]
"""Competitor of each run of a pack, in the pack's order; None for a run that does not compete."""


@dataclass(frozen=True)
class Standing:
    """Held-out result by which a run is ranked after an epoch.

    Attributes:
        score: Best held-out score so far, 0 to 1; None for a run that has failed or was not evaluated.
        loss: Held-out loss of the evaluation with the best score, in nats; infinite for a run without an evaluation.
        is_stopped: Whether an earlier rung has stopped the run.
    """

    score: float | None
    loss: float = inf
    is_stopped: bool = False


@dataclass(frozen=True)
class Stop:
    """Decision that stops a run.

    Attributes:
        rung: Number of the rung, from 1.
        rungs: Number of rungs of the competition.
        epoch: Number of epochs trained.
        keep: Share of the points that go on after each rung.
        rank: Rank of the run's point at the rung, from 1.
        competitors: Number of points that were ranked.
        score: Mean over the point's runs of the best held-out score so far, 0 to 1. A run that has failed counts as 0.
    """

    rung: int
    rungs: int
    epoch: int
    keep: float
    rank: int
    competitors: int
    score: float


def rung_epochs(epochs: int, rungs: int, keep: float) -> tuple[int, ...]:
    """Compute the epochs of the rungs.

    The last rung is at `epochs * keep`. Each earlier rung is at `keep` times the exact value of the next rung. All
    values are rounded up.

    Args:
        epochs: Number of epochs of the whole training.
        rungs: Number of rungs.
        keep: Share of the points that go on after each rung.

    Returns:
        Epochs, ascending. Two rungs may have the same epoch if the training is too short.

    >>> rung_epochs(10, 3, 0.5)
    (2, 3, 5)
    """
    return tuple(_rounded_up(epochs * keep**power) for power in range(rungs, 0, -1))


def most_rungs(epochs: int, keep: float) -> int:
    """Compute the largest number of rungs whose epochs differ from each other and from the last epoch."""
    rungs = 0
    while len({*rung_epochs(epochs, rungs + 1, keep), epochs}) == rungs + 2:
        rungs += 1
    return rungs


def num_left(points: int, keep: float, rung: int) -> int:
    """Compute the number of points that go on after a rung. Each rung keeps the share `keep`, rounded up.

    Args:
        points: Number of points of the competition at its start.
        keep: Share of the points that go on after each rung.
        rung: Number of the rung, from 1.

    >>> [num_left(12, 0.5, rung) for rung in (1, 2, 3)]
    [6, 3, 2]
    """
    for _ in range(rung):
        points = _rounded_up(points * keep)
    return points


def decide(competitors: Competitors, standings: Sequence[Standing], epoch: int) -> dict[int, Stop]:
    """Decide which runs stop after an epoch.

    A point is ranked by the mean score of its runs, and at equal scores by the mean loss. At equal losses, the
    point that comes first in `competitors` is ahead. A point with a stopped run is not ranked.

    Args:
        competitors: Competitor of each run; None for a run that does not compete.
        standings: Standing of each run, in the same order.
        epoch: Number of epochs trained.

    Returns:
        Decision for each run of a point that stops, by the run's index; empty if no rung has this epoch.
    """
    competitions: dict[str, dict[str, list[int]]] = {}
    for index, competitor in enumerate(competitors):
        if competitor is not None and epoch in competitor.rungs:
            competitions.setdefault(competitor.competition, {}).setdefault(competitor.point, []).append(index)
    stops: dict[int, Stop] = {}
    for points in competitions.values():
        first = competitors[next(iter(points.values()))[0]]
        assert first is not None
        rung = first.rungs.index(epoch) + 1
        ranked = _rank(points, standings)
        for rank, (score, indices) in enumerate(ranked, 1):
            if rank > num_left(len(points), first.keep, rung):
                stop = Stop(rung, len(first.rungs), epoch, first.keep, rank, len(ranked), score)
                stops |= dict.fromkeys(indices, stop)
    return stops


def _rank(points: Mapping[str, Sequence[int]], standings: Sequence[Standing]) -> list[tuple[float, Sequence[int]]]:
    """Rank the points without a stopped run, the best first.

    Returns:
        Mean score and indices of the runs of each ranked point.
    """
    ranked = []
    for indices in points.values():
        runs = [standings[index] for index in indices]
        if not any(run.is_stopped for run in runs):
            score = fmean(0.0 if run.score is None else run.score for run in runs)
            loss = fmean(inf if run.score is None else run.loss for run in runs)
            ranked.append((score, loss, indices))
    ranked.sort(key=lambda point: (-point[0], point[1]))
    return [(score, indices) for score, _, indices in ranked]


def _rounded_up(number: float) -> int:
    return ceil(round(number, DIGITS))
