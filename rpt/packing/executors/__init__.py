"""Who trains packs: this process, a SLURM cluster, a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from rpt.config import Config
from rpt.packing.point import Point, Result
from rpt.packing.settings import Settings
from rpt.pulse import Watch, nobody


@runtime_checkable  # for the tests, which check every call's types
class Executor(Protocol):
    """Trains packs and reports every one of their points once.

    A pack is trained by `rpt.packing.work.train_pack` in a process that may die; the points of a pack that cannot be
    trained to its end are reported as interrupted, with the place of the worker's log, and are not handed out again.
    """

    @property
    def workers(self) -> int:
        """Packs that it trains at the same time, as far as it can tell beforehand; 1 where it cannot."""

    def budget_bytes(self, config: Config) -> int | None:
        """Memory that the states of a pack may take where it trains; None where it cannot tell beforehand.

        Args:
            config: Of a run of the pack.
        """

    def run(self, packs: Sequence[Sequence[Point]], report: Callable[[Result], None], watch: Watch = nobody) -> None:
        """Train packs and tell `watch` how it goes; returns when every point has been reported."""


def executor_of(settings: Settings, folder: Path) -> Executor:
    """The executor of `hydra.launcher.executor`.

    Args:
        settings: The launcher's.
        folder: Where the executor may keep its workers' logs, in a folder of its own; it need not exist.

    Raises:
        ConfigError: The executor's package is not installed, or an option is not one of its own.
    """
    name = settings.executor
    if name == "inline":
        from rpt.packing.executors.inline import InlineExecutor

        return InlineExecutor()
    if name == "submitit":
        from rpt.packing.executors.submitit import SubmititExecutor

        return SubmititExecutor(settings.submitit, folder / name)
    from rpt.packing.executors.ray import RayExecutor

    return RayExecutor(settings.ray, folder / name)
