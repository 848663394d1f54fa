"""The cost of a large sweep without its training: the start of 1,000 points, and a finished sweep run again.

    python -m benchmarks.bookkeeping                    # four minutes on two cores, most of them to compose and train

The start is the packed launcher's own, in this process, from the command's overrides to the packs that its executor is
given, which trains none of them: every point is composed, checked, hashed and grouped. `hydra.compose` is timed within
it, and what is beyond that is ours, but for the imports, which any training has. The finished sweep is the grid of
`sweeps/learning_rate.yaml` after one epoch on few rows, in processes of their own, start-up included.
"""

from __future__ import annotations

import importlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import hydra
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from benchmarks.command import keep, records, run
from rpt.config.paths import config_dir
from rpt.console import say
from rpt.sweep.executors.inline import InlineExecutor
from rpt.sweep.point import Point, Result
from rpt.training.live_progress import ProgressCallback, ignore_progress

GRID = (
    "encoder=plain,residual,mlp,lstm",
    f"lr={','.join(f'{10 ** (-3.5 + at / 6):.3g}' for at in range(25))}",
    "seed=range(10)",
)
POINTS = 1000
MOST_BEYOND, MOST_AGAIN = 5.0, 10.0
"""Seconds that the bookkeeping may take at most."""

STUDY = ("-cn", "learning_rate", "trainer.epochs=1", "data.max_rows=64")
STUDY_POINTS, STUDY_RUNS = 75, 63  # the head alone is the same run at every rate


class Handed(Exception):
    """Raised once the packs are made, so that nothing is trained."""


class Clock:
    """Seconds and calls of a function.

    Args:
        function: The function whose calls are timed.
    """

    def __init__(self, function: Callable[..., DictConfig]) -> None:
        self._function = function
        self.calls = 0
        self.seconds = 0.0

    def __call__(self, *arguments: Any, **options: Any) -> DictConfig:
        """Call the function and add its time."""
        start = time.perf_counter()
        found = self._function(*arguments, **options)
        self.seconds += time.perf_counter() - start
        self.calls += 1
        return found


class Nobody(InlineExecutor):
    """An executor that trains nothing and keeps the packs it was handed."""

    def __init__(self) -> None:
        self.packs: Sequence[Sequence[Point]] = ()

    def run(
        self,
        packs: Sequence[Sequence[Point]],
        report: Callable[[Result], None],
        watch: ProgressCallback = ignore_progress,
    ) -> None:
        """End the sweep where its training would begin."""
        self.packs = packs
        raise Handed


def main() -> None:
    """Measure, print and keep."""
    started = start_of_many()
    say(
        f"{POINTS:,} points to {started['packs']} packs: {started['seconds']:6.1f} s, {started['composing']:.1f} of it "
        f"in hydra.compose; {started['beyond']:.1f} s beyond (asked: at most {MOST_BEYOND:.0f})"
    )
    again = finished_again()
    say(
        f"{STUDY_POINTS} points, {STUDY_RUNS} runs: trained in {again['trained']:.1f} s; "
        f"again, nothing to train: {again['again']:.1f} s (asked: at most {MOST_AGAIN:.0f})"
    )
    keep("bookkeeping", {"start": started, "finished": again})


def start_of_many() -> dict[str, float]:
    """Seconds of the start of a sweep of 1,000 points, and those of them that are Hydra's composition."""
    executor, compose = Nobody(), Clock(hydra.compose)
    for module in ("hydra_plugins.rpt_packed._core", "rpt.sweep.memory"):  # before the clock runs
        importlib.import_module(module)
    with (
        tempfile.TemporaryDirectory() as folder,
        initialize_config_dir(str(config_dir()), version_base="1.3"),
        mock.patch("hydra.compose", compose),
        mock.patch("rpt.sweep.launch.executor_of", return_value=executor),
    ):
        frame = GlobalHydra.instance().hydra
        assert frame is not None
        start = time.perf_counter()
        try:
            frame.multirun("config", _train_nothing, ["hydra/launcher=packed", *GRID, f"output_dir={folder}"])
        except Handed:
            seconds = time.perf_counter() - start
        else:
            raise AssertionError("no pack was handed to the executor")
    assert compose.calls == sum(map(len, executor.packs)) == POINTS
    beyond = seconds - compose.seconds
    return {"packs": len(executor.packs), "seconds": seconds, "composing": compose.seconds, "beyond": beyond}


def _train_nothing(config: DictConfig) -> None:
    raise AssertionError("a point was launched by itself")


def finished_again() -> dict[str, float]:
    """Seconds of a small sweep, and of the same command again, which must train nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained = _seconds(lambda: run(*STUDY, f"output_dir={folder}"))
        records(folder, STUDY_RUNS)
        before = _written(folder)
        again = _seconds(lambda: run(*STUDY, f"output_dir={folder}"))
        assert _written(folder) == before, "the second start has written into run folders"
    return {"points": STUDY_POINTS, "runs": STUDY_RUNS, "trained": trained, "again": again}


def _written(folder: Path) -> dict[Path, int]:
    """When each file of each run was written last."""
    return {path: path.stat().st_mtime_ns for path in folder.glob("*/*") if path.is_file()}


def _seconds(act: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
