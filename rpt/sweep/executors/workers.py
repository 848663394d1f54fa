"""Submit packs to workers, wait for the results, and submit the packs of lost workers again.

The executors for submitit and Ray share this module.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import ValidationError

from rpt.config.problems import problems_of
from rpt.config.schema import Section
from rpt.console import several
from rpt.errors import ConfigError, RptError
from rpt.sweep.point import Point, Result
from rpt.training.libraries import load_libraries
from rpt.training.live_progress import ProgressCallback, ignore_progress

Pack = Sequence[Point]
Options = TypeVar("Options", bound=Section)


class ClusterError(RptError):
    """A cluster cannot be reached, or refuses a job."""


@dataclass(frozen=True)
class LostWorker:
    """A worker that ended without results: it was killed, ran out of memory, or its machine failed.

    Attributes:
        reason: Short description of how the worker ended.
        log: File with the worker's output.
    """

    reason: str
    log: Path


@runtime_checkable
class WorkerPool(Protocol):
    """Workers in other processes. Each worker trains one pack and ends."""

    def submit(self, packs: Sequence[Pack]) -> Sequence[Any]:
        """Start a worker for each pack, and return a hashable object for the job of each worker, in the packs' order.

        Raises:
            ClusterError: The cluster refuses the packs.
        """

    def poll(self, job: Any) -> list[Result] | LostWorker | None:
        """Return the results of a job, or `LostWorker`; None while the worker waits or trains."""


def run_packs(
    pool: WorkerPool,
    packs: Iterable[Pack],
    report: Callable[[Result], None],
    watch: ProgressCallback = ignore_progress,
    *,
    retries: int,
    losses: Counter[int],
    at_once: int | None,
    pause: float = 0.5,
) -> None:
    """Submit packs to workers and report each point once, when its result is known or no retry is left.

    The pack of a lost worker is submitted again. Its runs are resumed from their checkpoints. Runs that have finished
    are not trained again.

    Args:
        pool: Workers that train the packs.
        packs: Points of each pack.
        report: Callback for results, called once a point.
        watch: Callback for progress, called with None after every poll of the workers.
        retries: Largest number of times that a pack is submitted again.
        losses: Number of lost workers for each point, by the point's number. The function updates it. A pack that a
            later call submits again therefore does not get new retries.
        at_once: Largest number of packs with a worker at the same time; None submits all, and the cluster queues them.
        pause: Seconds between two polls of the workers.

    Raises:
        ClusterError: The cluster refuses the packs.
    """
    waiting = deque(packs)
    working: dict[Any, Pack] = {}
    while waiting or working:
        free = len(waiting) if at_once is None else at_once - len(working)
        new = [waiting.popleft() for _ in range(min(free, len(waiting)))]
        if new:
            working |= zip(pool.submit(new), new, strict=True)
        answers = {job: answer for job in working if (answer := pool.poll(job)) is not None}
        for job, answer in answers.items():
            pack = working.pop(job)
            if not isinstance(answer, LostWorker):
                _report(answer, report)
            elif _count_loss(pack, answer, report, retries, losses):
                waiting.append(pack)
        watch(None)
        if not answers:
            time.sleep(pause)


def _report(results: Iterable[Result], report: Callable[[Result], None]) -> None:
    for result in results:
        report(result)


def _count_loss(
    pack: Pack, lost: LostWorker, report: Callable[[Result], None], retries: int, losses: Counter[int]
) -> bool:
    """Count a lost worker, and return whether its pack is to be submitted again.

    If no retry is left, the points of the pack are reported as interrupted.
    """
    losses.update(point.number for point in pack)
    tries_left = retries - max(losses[point.number] for point in pack)
    loss = f"a worker was lost ({lost.reason}; its log: {lost.log})"
    if tries_left >= 0 and not must_not_repeat(pack):
        points = several(len(pack), "point")
        sys.stderr.write(f"{loss}; its {points} will be trained again, tries left: {tries_left}\n")
        return True
    rerun = " without rerun=true" if must_not_repeat(pack) else ""
    error = f"{loss}. Run the same command again{rerun}: it continues from the last checkpoint."
    _report((Result(point.number, "interrupted", None, None, error) for point in pack), report)
    return False


def must_not_repeat(pack: Pack) -> bool:
    """Whether a point has `rerun=true`. A retry would then train from the start and discard the checkpoint."""
    return any(point.values.get("rerun") for point in pack)


def train_in_worker(pack: Pack) -> list[Result]:
    """Train a pack in this process, which is a worker that has not imported torch yet."""
    load_libraries()
    from rpt.sweep.work import train_pack

    return train_pack(pack)


def validated(options: Mapping[str, Any], schema: type[Options], executor: str) -> Options:
    """Validate an executor's options.

    Args:
        options: Options from the command line.
        schema: Class of the validated options.
        executor: Name of the executor, for the keys in error messages.

    Raises:
        ConfigError: Some options are wrong; the error lists all of them, by their keys on the command line.
    """
    try:
        return schema.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError(list(problems_of(error, f"hydra.launcher.{executor}", schema))) from error


def require(package: str, executor: str, extra: str) -> None:
    """Refuse an executor whose optional package is not installed.

    Args:
        package: Name of the package to import.
        executor: Name of the executor that needs the package.
        extra: Extra of this project that installs the package.

    Raises:
        ConfigError: The package is not installed; the error tells how to install it.
    """
    if find_spec(package) is None:
        advice = f"needs {package}, which is not installed. Run: pip install -e '.[{extra}]'"
        raise ConfigError.of("hydra.launcher.executor", executor, advice)
