"""Hand packs to workers, wait for them, and outlive their deaths: what submitit and Ray have in common."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from pydantic import ValidationError

from rpt.config import Section
from rpt.console import several
from rpt.errors import ConfigError, RptError
from rpt.packing.point import Point, Result
from rpt.problems import problems_of
from rpt.pulse import Watch, nobody
from rpt.startup import load_libraries

Pack = Sequence[Point]
Options = TypeVar("Options", bound=Section)


class ClusterError(RptError):
    """A cluster that cannot be reached, or that refuses a job."""


@dataclass(frozen=True)
class Lost:
    """A worker that ended without results: killed, out of memory, or its machine gone.

    Attributes:
        reason: What is known of its end, in a few words.
        log: The file that it wrote to.
    """

    reason: str
    log: Path


@runtime_checkable
class Crew(Protocol):
    """Workers somewhere else, each of which trains one pack and ends."""

    def hand_in(self, packs: Sequence[Pack]) -> Sequence[Any]:
        """Give each pack to a worker of its own; returns a hashable job for each.

        Raises:
            ClusterError: Nobody takes them.
        """

    def ask(self, job: Any) -> list[Result] | Lost | None:
        """What became of a job; None while its worker waits or trains."""


def attend(
    crew: Crew,
    packs: Iterable[Pack],
    report: Callable[[Result], None],
    watch: Watch = nobody,
    *,
    retries: int,
    losses: Counter[int],
    at_once: int | None,
    pause: float = 0.5,
) -> None:
    """See every pack through: each point is reported once, when its result is known or nobody is left to try.

    A lost worker's pack is handed in again. Its points go on from their checkpoints; those that it had finished are
    found finished.

    Args:
        crew: Who trains.
        packs: What to train.
        report: Told of each point.
        watch: Told with every look that time has passed.
        retries: How often a pack may be handed in again.
        losses: Workers lost with each point so far, by its number; counted on here. A pack that is handed out anew
            after another process held it thus has the tries that it had left.
        at_once: Most packs with a worker at a time; None: all, and the cluster queues them.
        pause: Seconds between two looks.

    Raises:
        ClusterError: The cluster takes no packs.
    """
    waiting = deque(packs)
    working: dict[Any, Pack] = {}
    while waiting or working:
        free = len(waiting) if at_once is None else at_once - len(working)
        new = [waiting.popleft() for _ in range(min(free, len(waiting)))]
        if new:
            working |= zip(crew.hand_in(new), new, strict=True)
        answers = {job: answer for job in working if (answer := crew.ask(job)) is not None}
        for job, answer in answers.items():
            pack = working.pop(job)
            if not isinstance(answer, Lost):
                _report(answer, report)
            elif _lose(pack, answer, report, retries, losses):
                waiting.append(pack)
        watch(None)
        if not answers:
            time.sleep(pause)


def _report(results: Iterable[Result], report: Callable[[Result], None]) -> None:
    for result in results:
        report(result)


def _lose(pack: Pack, lost: Lost, report: Callable[[Result], None], retries: int, losses: Counter[int]) -> bool:
    """Count a lost worker; True where its pack is to be handed in again, else its points are interrupted."""
    losses.update(point.number for point in pack)
    tries_left = retries - max(losses[point.number] for point in pack)
    what = f"a worker was lost ({lost.reason}; its log: {lost.log})"
    if tries_left >= 0 and not must_not_repeat(pack):
        points = several(len(pack), "point")
        sys.stderr.write(f"{what}; its {points} handed in again, tries left: {tries_left}\n")
        return True
    rerun = " without rerun=true" if must_not_repeat(pack) else ""
    error = f"{what}. Run the same command again{rerun}: it goes on where it stopped."
    _report((Result(point.number, "interrupted", None, None, error) for point in pack), report)
    return False


def must_not_repeat(pack: Pack) -> bool:
    """Whether a point is to be trained from its start whatever there is (`rerun`), which a retry would do twice."""
    return any(point.values.get("rerun") for point in pack)


def train_in_worker(pack: Pack) -> list[Result]:
    """Train a pack in this process, which is a worker's own and has not imported torch yet."""
    # As in rpt.cli, whose environment a worker on another machine does not have.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    load_libraries()
    from rpt.packing.work import train_pack

    return train_pack(pack)


def checked(options: Mapping[str, Any], schema: type[Options], executor: str) -> Options:
    """Give an executor's options their types.

    Raises:
        ConfigError: Everything that is wrong with them, by key as on the command line.
    """
    try:
        return schema.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigError(list(problems_of(error, f"hydra.launcher.{executor}", schema))) from error


def need(package: str, executor: str, extra: str) -> None:
    """Refuse an executor whose optional package is not installed.

    Raises:
        ConfigError: It is not; says how to install it.
    """
    if find_spec(package) is None:
        advice = f"needs {package}, which is not installed. Run: pip install -e '.[{extra}]'"
        raise ConfigError.of("hydra.launcher.executor", executor, advice)
