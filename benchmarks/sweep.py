"""A sweep packed, by Hydra's basic launcher, and as processes of their own: seconds of each, measured in one run.

    python -m benchmarks.sweep                     24 points at the main job's own recipe, over two hours on two cores
    python -m benchmarks.sweep --seeds 1 --rates 2 a quick look: 4 points
    python -m benchmarks.sweep --ways packed basic --seeds 3        some of the ways; the others' results are kept

Every way trains the very same points in a folder of its own. The seconds in loops (steps and evaluations, as the
records have them) are the compute; what the clock has beyond them, one process at a time, is start-up. Ways are
compared by seconds a point, so that those whose cost is plainly linear (processes) may be measured on fewer.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.command import keep, kept, records, run
from rpt.console import say

ENCODERS = ("plain", "residual")
RATES = ("0.003", "0.01", "0.03", "0.1")


@dataclass(frozen=True)
class Grid:
    """The points of the sweep."""

    rates: Sequence[str]
    seeds: int

    @property
    def overrides(self) -> list[str]:
        """As the command line of a multirun has them."""
        return [f"encoder={','.join(ENCODERS)}", f"lr={','.join(self.rates)}", f"seed=range({self.seeds})"]

    @property
    def points(self) -> list[list[str]]:
        """One by one."""
        return [
            [f"encoder={encoder}", f"lr={rate}", f"seed={seed}"]
            for encoder, rate, seed in product(ENCODERS, self.rates, range(self.seeds))
        ]


def main() -> None:
    """Measure, print and write benchmarks/results/sweep.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, default=len(RATES), help="how many of the four learning rates")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    given = parser.parse_args()
    grid = Grid(RATES[: given.rates], given.seeds)
    table = kept("sweep").get("table", {})
    for name in given.ways:
        table[name] = measure(partial(WAYS[name], grid), len(grid.points))
        report(table)


def packed(grid: Grid, folder: Path, *more: str) -> None:
    """One sweep by the packed launcher."""
    run("-m", "hydra/launcher=packed", *more, *grid.overrides, f"output_dir={folder}")


def by_two_workers(grid: Grid, folder: Path) -> None:
    """Two packs at a time, each on one thread in a process of its own."""
    place = "hydra.launcher.submitit"
    workers = [f"{place}.cluster=local", f"{place}.array_parallelism=2", f"{place}.cpus=1"]
    packed(grid, folder, "hydra.launcher.executor=submitit", *workers)


def processes(grid: Grid, folder: Path, *, at_once: int, **variables: str) -> None:
    """One process a point."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda point: run(*point, f"output_dir={folder}", **variables), grid.points))


WAYS: dict[str, Callable[[Grid, Path], None]] = {
    "packed": packed,
    "two_workers": by_two_workers,
    "basic": lambda grid, folder: run("-m", *grid.overrides, f"output_dir={folder}"),
    "in_turn": partial(processes, at_once=1),
    "one_thread_each": partial(processes, at_once=2, OMP_NUM_THREADS="1"),
    "two_at_a_time": partial(processes, at_once=2),
}
"""One packed sweep, or two halves of it by workers; Hydra's basic launcher; a process a point, one or two at a time."""


def measure(way: Callable[[Path], None], count: int) -> dict[str, Any]:
    """Seconds of one way: by the clock, of the processors, and inside the runs' own loops; and the scores."""
    folder = Path(tempfile.mkdtemp())
    before, start = os.times(), time.perf_counter()
    way(folder)
    wall, after = time.perf_counter() - start, os.times()
    found = records(folder, count)
    loops = sum(record["seconds"] / record["pack"]["size"] for record in found)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    scores = [record["scores"]["score"] for record in found]  # by seed and name
    return {"points": count, "wall": wall, "cpu": cpu, "loops": loops, "scores": scores}


def report(measured: dict[str, dict[str, Any]]) -> None:
    """Print and keep seconds a point, and ratios to packed."""
    for name, found in measured.items():
        found["wall_per_point"] = found["wall"] / found["points"]
        found["loops_per_point"] = found["loops"] / found["points"]
        if "packed" in measured:
            found["ratio"] = found["wall_per_point"] / measured["packed"]["wall_per_point"]
        say(
            f"{name:16} {found['points']:3.0f} points  {found['wall_per_point']:6.1f} s a point   "
            f"{found.get('ratio', 0):5.2f} of packed   {found['loops_per_point']:6.1f} s of it in loops   "
            f"{found['cpu'] / found['points']:6.1f} s of processors   mean score {fmean(found['scores']):.3f}"
        )
    keep("sweep", {"table": measured})


if __name__ == "__main__":
    main()
