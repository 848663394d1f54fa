"""Measure the seconds of a sweep: packed, by Hydra's basic launcher, and with a process for each point.

    python -m benchmarks.sweep                            24 points at the main job's own recipe, two hours on two cores
    python -m benchmarks.sweep --ways packed basic in_turn=1        some of the ways; the last on one seed
    python -m benchmarks.sweep --seeds 1 --rates 2        a quick look: 4 points

Every way trains the same points, each way in folders of its own. The speed of a machine changes over time. Ways that
train their points one by one therefore alternate, with one seed in each turn, and a way that packs all points runs
between two turns. The records contain the seconds of the training loops, that is, of steps and evaluations. If one
process runs at a time, the rest of the wall time is start-up. Ways are compared by seconds per point.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.command import read_result, records, run, write_result
from rpt.console import say

ENCODERS = ("plain", "residual")
RATES = ("0.003", "0.01", "0.03", "0.1")


@dataclass(frozen=True)
class Grid:
    """Points of a sweep, or of one turn of a sweep."""

    rates: Sequence[str]
    seeds: range

    @property
    def overrides(self) -> list[str]:
        """Overrides of a multirun over this grid."""
        seeds = ",".join(map(str, self.seeds))
        return [f"encoder={','.join(ENCODERS)}", f"lr={','.join(self.rates)}", f"seed={seeds}"]

    @property
    def points(self) -> list[list[str]]:
        """Overrides of each point."""
        return [
            [f"encoder={encoder}", f"lr={rate}", f"seed={seed}"]
            for encoder, rate, seed in product(ENCODERS, self.rates, self.seeds)
        ]

    @property
    def turns(self) -> list[Grid]:
        """Grids with one seed each."""
        return [Grid(self.rates, range(seed, seed + 1)) for seed in self.seeds]


@dataclass(frozen=True)
class Way:
    """A way to train a grid into a folder.

    Attributes:
        train: Function that trains a grid into a folder.
        is_whole: Whether the whole grid is trained at once, as in a pack. False trains and measures it seed by seed.
    """

    train: Callable[[Grid, Path], None]
    is_whole: bool = False


def main() -> None:
    """Measure the ways, print the table, and write it to `benchmarks/results/sweep.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, default=len(RATES), help="number of learning rates (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds (default: %(default)s)")
    parser.add_argument(
        "--ways", nargs="+", type=way_and_seeds, default=[(name, None) for name in WAYS], metavar="WAY[=SEEDS]"
    )
    parser.add_argument("--go-on", action="store_true", help="keep what an interrupted benchmark has measured")
    options = parser.parse_args()
    grid = Grid(RATES[: options.rates], range(options.seeds))
    table: dict[str, dict[str, Any]] = read_result("sweep").get("table", {}) if options.go_on else {}
    done = Counter({name: len(row["turns"]) for name, row in table.items()})
    for name, part in in_turns(options.ways, grid):
        if done[name] > 0:
            done[name] -= 1
            continue
        table[name] = add_turn(table.get(name), measure(partial(WAYS[name].train, part), len(part.points)))
        report(table)


def way_and_seeds(text: str) -> tuple[str, int | None]:
    """Parse the name of a way and the number of seeds to measure; None for all seeds."""
    name, _, seeds = text.partition("=")
    if name not in WAYS or not (seeds or "1").isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}: one of {', '.join(WAYS)}, or for example in_turn=1 for one seed")
    return name, int(seeds) if seeds else None


def in_turns(ways: Sequence[tuple[str, int | None]], grid: Grid) -> Iterator[tuple[str, Grid]]:
    """Yield the measurements in order.

    In each turn, every way that trains seed by seed is measured on one seed, then one way that packs all points.
    """
    packing = [name for name, _ in ways if WAYS[name].is_whole]
    for index, turn in enumerate(grid.turns):
        yield from (
            (name, turn) for name, seeds in ways if not WAYS[name].is_whole and (seeds is None or index < seeds)
        )
        is_last = index + 1 == len(grid.turns)
        yield from ((name, grid) for name in (packing[index:] if is_last else packing[index : index + 1]))


def packed(grid: Grid, folder: Path, *more: str) -> None:
    """Train a grid as one sweep by the packed launcher."""
    run("-m", "hydra/launcher=packed", *more, *grid.overrides, f"output_dir={folder}")


def by_two_workers(grid: Grid, folder: Path) -> None:
    """Train two packs at a time, each in a process of its own with one thread."""
    key = "hydra.launcher.submitit"
    workers = [f"{key}.cluster=local", f"{key}.array_parallelism=2", f"{key}.cpus=1"]
    packed(grid, folder, "hydra.launcher.executor=submitit", *workers)


def processes(grid: Grid, folder: Path, *, at_once: int, **variables: str) -> None:
    """Train each point in a process of its own, `at_once` processes at a time."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda point: run(*point, f"output_dir={folder}", **variables), grid.points))


WAYS = {
    "packed": Way(packed, is_whole=True),
    "two_workers": Way(by_two_workers, is_whole=True),
    "basic": Way(lambda grid, folder: run("-m", *grid.overrides, f"output_dir={folder}")),
    "in_turn": Way(partial(processes, at_once=1)),
    "one_thread_each": Way(partial(processes, at_once=2, OMP_NUM_THREADS="1")),
    "two_at_a_time": Way(partial(processes, at_once=2)),
}
"""Ways to train a grid: packed in one process or by two workers; Hydra's basic launcher; a process for each point."""


def measure(way: Callable[[Path], None], count: int) -> dict[str, Any]:
    """Train points, and return their scores, wall time, CPU time, and the seconds inside the training loops."""
    folder = Path(tempfile.mkdtemp())
    before, start = os.times(), time.perf_counter()
    way(folder)
    wall, after = time.perf_counter() - start, os.times()
    run_records = records(folder, count)
    loops = sum(record["seconds"] / record["pack"]["size"] for record in run_records)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    scores = [record["scores"]["score"] for record in run_records]  # in the order of seed and name
    return {"points": count, "wall": wall, "cpu": cpu, "loops": loops, "turns": [wall / count], "scores": scores}


def add_turn(before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """Add a turn to the sums of a way, and compute seconds per point. `turns` lists each turn's wall time per point."""
    sums = {key: before[key] + now[key] for key in now} if before else now
    per_point = {f"{key}_per_point": sums[key] / sums["points"] for key in ("wall", "loops", "cpu")}
    return {**sums, **per_point}


def report(measured: dict[str, dict[str, Any]]) -> None:
    """Print and write the seconds per point, and the ratios to the packed sweep."""
    for name, row in measured.items():
        if "packed" in measured:
            row["ratio"] = row["wall_per_point"] / measured["packed"]["wall_per_point"]
        say(
            f"{name:16} {row['points']:3.0f} points  {row['wall_per_point']:6.1f} s a point   "
            f"{row.get('ratio', 0):5.2f} of packed   {row['loops_per_point']:6.1f} s in loops   "
            f"{row['cpu_per_point']:6.1f} s of CPU   mean score {fmean(row['scores']):.3f}"
        )
    write_result("sweep", {"table": measured})


if __name__ == "__main__":
    main()
