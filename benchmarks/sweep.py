"""A sweep packed, by Hydra's basic launcher, and as processes of their own: seconds of each, measured in one run.

    python -m benchmarks.sweep                     24 points at the main job's own recipe, over an hour on two cores
    python -m benchmarks.sweep --seeds 1 --rates 2 a quick look: 4 points

Every way trains the very same points in a folder of its own. The seconds in loops (steps and evaluations, as the
records have them) are the compute; what the clock has beyond them, one process at a time, is start-up.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmarks.command import keep, records, run
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
    given = parser.parse_args()
    grid = Grid(RATES[: given.rates], given.seeds)
    ways: dict[str, Callable[[Path], None]] = {
        "packed": lambda folder: run("-m", "hydra/launcher=packed", *grid.overrides, f"output_dir={folder}"),
        "basic launcher": lambda folder: run("-m", *grid.overrides, f"output_dir={folder}"),
        "a process each, in turn": lambda folder: processes(grid, folder, at_once=1),
        "a process each, two at a time": lambda folder: processes(grid, folder, at_once=2),
    }
    measured = {name: measure(way, len(grid.points)) for name, way in ways.items()}
    report(measured, grid)


def processes(grid: Grid, folder: Path, *, at_once: int) -> None:
    """One process a point."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda point: run(*point, f"output_dir={folder}"), grid.points))


def measure(way: Callable[[Path], None], count: int) -> dict[str, float]:
    """Seconds of one way: by the clock, of the processors, and inside the runs' own loops."""
    folder = Path(tempfile.mkdtemp())
    before, start = os.times(), time.perf_counter()
    way(folder)
    wall, after = time.perf_counter() - start, os.times()
    found = records(folder, count)
    loops = sum(record["seconds"] / record["pack"]["size"] for record in found)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    score = sum(record["scores"]["score"] for record in found) / count
    return {"wall": wall, "cpu": cpu, "loops": loops, "mean_score": score}


def report(measured: dict[str, dict[str, float]], grid: Grid) -> None:
    """Print and keep seconds, and ratios to packed."""
    packed = measured["packed"]
    for name, found in measured.items():
        found["ratio"] = found["wall"] / packed["wall"]
        say(
            f"{name:32} {found['wall']:8.0f} s   {found['ratio']:5.2f} of packed   "
            f"{found['loops']:8.0f} s in loops   {found['cpu']:8.0f} s of processors   "
            f"mean score {found['mean_score']:.3f}"
        )
    keep("sweep", {"points": grid.points, "table": measured})


if __name__ == "__main__":
    main()
