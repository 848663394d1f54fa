"""Executors train packs: in this process, as submitit jobs on a SLURM cluster or this machine, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from rpt.config.schema import Config
from rpt.sweep.point import Point, Result
from rpt.sweep.settings import Settings
from rpt.training.live_progress import ProgressCallback, ignore_progress


@runtime_checkable  # the tests check the types of every call
class Executor(Protocol):
    """Interface of the classes that train packs and report one result for every point.

    An executor calls `rpt.sweep.work.train_pack` in this process or in worker processes. If a worker is lost, the
    executor may submit its pack again. Once no retry is left, it reports the points of the pack as interrupted, with
    the path of the worker's log.
    """

    @property
    def workers(self) -> int:
        """Number of packs that are trained at the same time, if known before training; 1 otherwise."""

    def budget_bytes(self, config: Config) -> int | None:
        """Compute the bytes that a pack's weights and optimizer states may take; None if unknown before training.

        Args:
            config: Configuration of any run of the pack.
        """

    def run(
        self,
        packs: Sequence[Sequence[Point]],
        report: Callable[[Result], None],
        watch: ProgressCallback = ignore_progress,
    ) -> None:
        """Train packs and return when every point has been reported.

        Args:
            packs: Points of each pack.
            report: Callback for results, called once for each point.
            watch: Callback for progress.
        """


def executor_of(settings: Settings, folder: Path) -> Executor:
    """Build the executor with the name in `hydra.launcher.executor`.

    Args:
        settings: Options of the packed launcher.
        folder: Folder in which the executor may create a folder for its workers' logs. It need not exist.

    Raises:
        ConfigError: The executor's package is not installed, or an option of the executor is wrong.
    """
    name = settings.executor
    if name == "inline":
        from rpt.sweep.executors.inline import InlineExecutor

        return InlineExecutor()
    if name == "submitit":
        from rpt.sweep.executors.submitit import SubmititExecutor

        return SubmititExecutor(settings.submitit, folder / name)
    from rpt.sweep.executors.ray import RayExecutor

    return RayExecutor(settings.ray, folder / name)
