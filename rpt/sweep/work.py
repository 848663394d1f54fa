"""Train a pack and return a result for each of its points. Executors do this in their own process or in a worker."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace

from rpt.config.hydra_errors import USER_ERRORS, explain
from rpt.config.schema import Config
from rpt.errors import ConfigError, DataError, RptError, RunFailed, WeightsError
from rpt.runs import Outcome, RunStopped, train_configs
from rpt.sweep.point import Point, Result
from rpt.system.out_of_memory import is_out_of_memory
from rpt.tracking.folder import FolderInUse, LeaseLost
from rpt.tracking.objective import objective
from rpt.training.live_progress import ProgressCallback

Pair = tuple[Point, Config]

TOGETHER = "successive halving ranks the points of a pack together. Correct the value, or leave the point out."
"""Reason why a pack with successive halving is not trained if `rpt.runs.train_configs` refuses one of its points."""


def train_pack(points: Sequence[Point], watch: ProgressCallback | None = None) -> list[Result]:
    """Train the points of a pack together.

    Errors of single points and of the whole pack become results. Only Ctrl-C and SIGTERM are raised.

    Args:
        points: Points of the pack.
        watch: Callback for progress, called after each step and each evaluation; None writes lines to stderr instead,
            which a worker's log keeps.

    Returns:
        A result for each point, in the points' order.
    """
    pairs: list[Pair] = []
    results: dict[int, Result] = {}
    for point in points:
        try:
            pairs.append((point, point.checked()))
        except ConfigError as error:
            results[point.number] = Result(point.number, "refused", error=str(error))
    results |= {result.number: result for result in _train(pairs, watch)}
    return [results[point.number] for point in points]


def _train(pairs: Sequence[Pair], watch: ProgressCallback | None) -> list[Result]:
    if not pairs:
        return []
    competitors = [point.competitor for point, _ in pairs]
    is_halved = any(competitor is not None for competitor in competitors)
    configs = [config for _, config in pairs]
    try:
        outcomes: list[Outcome] | None = train_configs(configs, watch, competitors if is_halved else None)
    except FolderInUse as error:
        return _all(pairs, _held(error))
    except ConfigError as error:  # an error of one point that is found when its data are read, before training
        if len(pairs) == 1 or is_halved:
            advice = f"\nNo point of its pack is trained: {TOGETHER}" if len(pairs) > 1 else ""
            return _all(pairs, Result(0, "refused", error=f"{error}{advice}"))
        outcomes = None
    except Exception as error:
        return _all(pairs, _ended_by(error))
    if outcomes is None:  # outside the `except`, whose error would keep the pack's backbone in memory
        middle = len(pairs) // 2
        return [*_train(pairs[:middle], watch), *_train(pairs[middle:], watch)]
    return [_result(point, outcome) for (point, _), outcome in zip(pairs, outcomes, strict=True)]


def _ended_by(error: Exception) -> Result:
    """Convert an error that ended the whole pack into the result of each point.

    The result is `failed` for an error of rows or weights, and else `interrupted`, so that the points are resumed.
    """
    if isinstance(error, DataError | WeightsError) and not is_out_of_memory(error):
        return Result(0, "failed", error=str(error))  # the same configuration would meet the same error again
    if isinstance(error, USER_ERRORS):
        return Result(0, "interrupted", error=explain(error))
    text = "".join(traceback.format_exception(error)).rstrip()
    return Result(0, "interrupted", error=text, is_bug=True)


def _all(pairs: Sequence[Pair], result: Result) -> list[Result]:
    return [replace(result, number=point.number) for point, _ in pairs]


def _held(error: FolderInUse) -> Result:
    if isinstance(error, LeaseLost):  # printed here, because the point has no result that could report the error
        sys.stderr.write(f"{error}\n")
    return Result(0, "interrupted", error=str(error), is_held=True)


def _result(point: Point, outcome: Outcome) -> Result:
    folder = str(outcome.folder)
    try:
        return Result(point.number, "finished", folder, outcome.check().score, objective=objective(outcome.record))
    except RunStopped:
        record = outcome.record
        return Result(point.number, "stopped", folder, error=record.stop_reason, objective=objective(record))
    except RunFailed as error:
        return Result(point.number, "failed", folder, error=str(error), is_bug=error.is_bug)
    except RptError as error:
        return Result(point.number, "failed", folder, error=str(error))
