"""What every executor runs, in its own process or in this one: train a pack, and answer for each of its points."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace

from rpt.check import check
from rpt.config import Config
from rpt.errors import ConfigError
from rpt.packing.point import Point, Result
from rpt.refusals import USER_ERRORS, explain
from rpt.tracking.folder import FolderInUse
from rpt.train import Outcome, RunFailed, train

Pair = tuple[Point, Config]


def train_pack(points: Sequence[Point]) -> list[Result]:
    """Train points that share a pack key.

    Whatever goes wrong with a point or with all of them is in the results. Only what ends the process goes up:
    Ctrl-C, SIGTERM.

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
    results |= {result.number: result for result in _train(pairs)}
    return [results[point.number] for point in points]


def _train(pairs: Sequence[Pair]) -> list[Result]:
    if not pairs:
        return []
    try:
        outcomes = train([config for _, config in pairs])
    except FolderInUse as error:
        return _all(pairs, Result(0, "interrupted", error=str(error)))
    except ConfigError as error:  # of one point, found only with its data: before anything was trained
        if len(pairs) == 1:
            return _all(pairs, Result(0, "refused", error=str(error)))
        middle = len(pairs) // 2
        return [*_train(pairs[:middle]), *_train(pairs[middle:])]
    except USER_ERRORS as error:
        return _all(pairs, Result(0, "failed", error=explain(error)))
    except Exception as error:
        text = "".join(traceback.format_exception(error)).rstrip()
        return _all(pairs, Result(0, "failed", error=text, is_bug=True))
    return [_result(point, outcome) for (point, _), outcome in zip(pairs, outcomes, strict=True)]


def _all(pairs: Sequence[Pair], result: Result) -> list[Result]:
    return [replace(result, number=point.number) for point, _ in pairs]


def _result(point: Point, outcome: Outcome) -> Result:
    folder = str(outcome.folder)
    try:
        return Result(point.number, "finished", folder, outcome.check().score)
    except RunFailed as error:
        return Result(point.number, "failed", folder, error=str(error))
