"""What every executor runs, in its own process or in this one: train a pack, and answer for each of its points."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace

from rpt.check import check
from rpt.config import Config
from rpt.errors import ConfigError, DataError, RptError, WeightsError
from rpt.objective import objective
from rpt.out_of_memory import is_out_of_memory
from rpt.packing.point import Point, Result
from rpt.pulse import Watch
from rpt.refusals import USER_ERRORS, explain
from rpt.tracking.folder import FolderInUse, LeaseLost
from rpt.train import Outcome, RunFailed, train

Pair = tuple[Point, Config]


def train_pack(points: Sequence[Point], watch: Watch | None = None) -> list[Result]:
    """Train points that share a pack key.

    Whatever goes wrong with a point or with all of them is in the results. Only what ends the process goes up:
    Ctrl-C, SIGTERM.

    Args:
        points: The pack.
        watch: Function that is told after each step and each evaluation how the training goes; None for lines on
            stderr, which a worker's log keeps.

    Returns:
        One result a point, in the points' order.
    """
    pairs: list[Pair] = []
    results: dict[int, Result] = {}
    for point in points:
        try:
            pairs.append((point, check(point.values)))
        except ConfigError as error:
            results[point.number] = Result(point.number, "refused", error=str(error))
    results |= {result.number: result for result in _train(pairs, watch)}
    return [results[point.number] for point in points]


def _train(pairs: Sequence[Pair], watch: Watch | None) -> list[Result]:
    if not pairs:
        return []
    try:
        outcomes: list[Outcome] | None = train([config for _, config in pairs], watch)
    except FolderInUse as error:
        return _all(pairs, _held(error))
    except ConfigError as error:  # of one point, found only with its data: before anything was trained
        if len(pairs) == 1:
            return _all(pairs, Result(0, "refused", error=str(error)))
        outcomes = None
    except Exception as error:
        return _all(pairs, _ended_by(error))
    if outcomes is None:  # out here, where the error no longer holds the backbone of the whole pack in memory
        middle = len(pairs) // 2
        return [*_train(pairs[:middle], watch), *_train(pairs[middle:], watch)]
    return [_result(point, outcome) for (point, _), outcome in zip(pairs, outcomes, strict=True)]


def _ended_by(error: Exception) -> Result:
    """What an error that has ended the whole pack makes of each of its points; most are no run's own fault."""
    if isinstance(error, DataError | WeightsError) and not is_out_of_memory(error):
        return Result(0, "failed", error=str(error))  # trained again as it is, it would end here again
    if isinstance(error, USER_ERRORS):
        return Result(0, "interrupted", error=explain(error))
    text = "".join(traceback.format_exception(error)).rstrip()
    return Result(0, "interrupted", error=text, is_bug=True)


def _all(pairs: Sequence[Pair], result: Result) -> list[Result]:
    return [replace(result, number=point.number) for point, _ in pairs]


def _held(error: FolderInUse) -> Result:
    if isinstance(error, LeaseLost):  # a training has ended, which no result will say: the point stays open
        sys.stderr.write(f"{error}\n")
    return Result(0, "interrupted", error=str(error), is_held=True)


def _result(point: Point, outcome: Outcome) -> Result:
    folder = str(outcome.folder)
    try:
        return Result(point.number, "finished", folder, outcome.check().score, objective=objective(outcome.record))
    except RunFailed as error:
        return Result(point.number, "failed", folder, error=str(error), is_bug=error.is_bug)
    except RptError as error:
        return Result(point.number, "failed", folder, error=str(error))
