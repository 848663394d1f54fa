"""A sweep packed, by Hydra's basic launcher, and as processes of their own: seconds of each, measured in turns.

    python -m benchmarks.sweep                            24 points at the main job's own recipe, two hours on two cores
    python -m benchmarks.sweep --ways packed basic in_turn=1        some of the ways; one of them on one seed
    python -m benchmarks.sweep --seeds 1 --rates 2        a quick look: 4 points

Every way trains the very same points in folders of its own. A machine's speed drifts, so ways that train their points
one by one take turns, a seed in each, and a way that packs all of them runs between two turns. The seconds in loops
(steps and evaluations, as the records have them) are the compute; what the clock has beyond them, one process at a
time, is start-up. Ways are compared by seconds a point.
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

from benchmarks.command import keep, kept, records, run
from rpt.console import say

ENCODERS = ("plain", "residual")
RATES = ("0.003", "0.01", "0.03", "0.1")


@dataclass(frozen=True)
class Grid:
    """The points of a sweep, or of one turn of it."""

    rates: Sequence[str]
    seeds: range

    @property
    def overrides(self) -> list[str]:
        """The overrides of a multirun over this grid."""
        seeds = ",".join(map(str, self.seeds))
        return [f"encoder={','.join(ENCODERS)}", f"lr={','.join(self.rates)}", f"seed={seeds}"]

    @property
    def points(self) -> list[list[str]]:
        """The overrides of each point."""
        return [
            [f"encoder={encoder}", f"lr={rate}", f"seed={seed}"]
            for encoder, rate, seed in product(ENCODERS, self.rates, self.seeds)
        ]

    @property
    def turns(self) -> list[Grid]:
        """One grid for each seed."""
        return [Grid(self.rates, range(seed, seed + 1)) for seed in self.seeds]


@dataclass(frozen=True)
class Way:
    """A way to train a grid into a folder.

    Attributes:
        train: Function that trains a grid into a folder.
        whole: Whether all points are trained at once, as in a pack. False: seed by seed.
    """

    train: Callable[[Grid, Path], None]
    whole: bool = False


def main() -> None:
    """Measure, print and write benchmarks/results/sweep.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, default=len(RATES), help="how many of the four learning rates")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--ways", nargs="+", type=asked, default=[(name, None) for name in WAYS], metavar="WAY[=SEEDS]")
    parser.add_argument("--go-on", action="store_true", help="keep the turns that an interrupted start has measured")
    given = parser.parse_args()
    grid = Grid(RATES[: given.rates], range(given.seeds))
    table: dict[str, dict[str, Any]] = kept("sweep").get("table", {}) if given.go_on else {}
    done = Counter({name: len(found["turns"]) for name, found in table.items()})
    for name, part in in_turns(given.ways, grid):
        if done[name] > 0:
            done[name] -= 1
            continue
        table[name] = together(table.get(name), measure(partial(WAYS[name].train, part), len(part.points)))
        report(table)


def asked(text: str) -> tuple[str, int | None]:
    """A way, and how many of the seeds it is measured on if not on all."""
    name, _, seeds = text.partition("=")
    if name not in WAYS or not (seeds or "1").isdigit():
        raise argparse.ArgumentTypeError(f"{text!r}: one of {', '.join(WAYS)}, or in_turn=1 for one of its seeds")
    return name, int(seeds) if seeds else None


def in_turns(ways: Sequence[tuple[str, int | None]], grid: Grid) -> Iterator[tuple[str, Grid]]:
    """The order of measurements: in each turn every way that trains single points, then one that packs them."""
    whole = [name for name, _ in ways if WAYS[name].whole]
    for at, turn in enumerate(grid.turns):
        yield from ((name, turn) for name, seeds in ways if not WAYS[name].whole and (seeds is None or at < seeds))
        last = at + 1 == len(grid.turns)
        yield from ((name, grid) for name in (whole[at:] if last else whole[at : at + 1]))


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


WAYS = {
    "packed": Way(packed, whole=True),
    "two_workers": Way(by_two_workers, whole=True),
    "basic": Way(lambda grid, folder: run("-m", *grid.overrides, f"output_dir={folder}")),
    "in_turn": Way(partial(processes, at_once=1)),
    "one_thread_each": Way(partial(processes, at_once=2, OMP_NUM_THREADS="1")),
    "two_at_a_time": Way(partial(processes, at_once=2)),
}
"""One packed sweep, or two halves of it by workers; Hydra's basic launcher; a process a point, one or two at a time."""


def measure(way: Callable[[Path], None], count: int) -> dict[str, Any]:
    """Seconds of a way's turn: by the clock, of the processors, and inside the runs' own loops; and the scores."""
    folder = Path(tempfile.mkdtemp())
    before, start = os.times(), time.perf_counter()
    way(folder)
    wall, after = time.perf_counter() - start, os.times()
    found = records(folder, count)
    loops = sum(record["seconds"] / record["pack"]["size"] for record in found)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    scores = [record["scores"]["score"] for record in found]  # by seed and name
    return {"points": count, "wall": wall, "cpu": cpu, "loops": loops, "turns": [wall / count], "scores": scores}


def together(before: dict[str, Any] | None, now: dict[str, Any]) -> dict[str, Any]:
    """A way's turns as one, and its seconds a point; `turns` keeps those of each by the clock."""
    found = {key: before[key] + now[key] for key in now} if before else now
    of_one = {f"{key}_per_point": found[key] / found["points"] for key in ("wall", "loops", "cpu")}
    return {**found, **of_one}


def report(measured: dict[str, dict[str, Any]]) -> None:
    """Print and keep seconds a point, and ratios to packed."""
    for name, found in measured.items():
        if "packed" in measured:
            found["ratio"] = found["wall_per_point"] / measured["packed"]["wall_per_point"]
        say(
            f"{name:16} {found['points']:3.0f} points  {found['wall_per_point']:6.1f} s a point   "
            f"{found.get('ratio', 0):5.2f} of packed   {found['loops_per_point']:6.1f} s of it in loops   "
            f"{found['cpu_per_point']:6.1f} s of processors   mean score {fmean(found['scores']):.3f}"
        )
    keep("sweep", {"table": measured})


if __name__ == "__main__":
    main()
