"""Compare successive halving with full sweeps: the share of training steps, and the best point that each finds.

    python -m benchmarks.halving                  20 studies of 24 runs, at the recipe and rows of the main job
    python -m benchmarks.halving --rows 96 --held-out-share 0.5        a short look, about 13 minutes of one CPU core
    python -m benchmarks.halving --folder DIR     keeps the runs in DIR; an interrupted benchmark resumes

A study is a sweep over eight learning rates with three seeds on sample rows of CB. Four seeds of every learning rate
are trained to the end. For each study and each learning rate, three of the four seeds are drawn. The decisions of
halving are a pure function of held-out scores, so they are computed from the curves of these runs. The studies
therefore share runs and are not independent. Two studies are also trained with halving, to check that the computed
decisions are those of a real sweep.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from benchmarks.command import run, write_result
from rpt.console import say
from rpt.stats.wilson import wilson
from rpt.training.halving import Competitor, Standing, Stop, decide, rung_epochs

RATES = ("0.003", "0.01", "0.03", "0.1", "0.3", "1", "3", "10")
SEEDS = range(4)
SEEDS_OF_A_STUDY = 3
REAL = ((0, 1, 2), (1, 2, 3))
"""Seeds of the studies that are also trained with halving."""
STUDIES = 20
EPOCHS, RUNGS, KEEP = 10, 3, 0.5
RECIPE = ("encoder=residual", "trainer.device=cpu", f"trainer.epochs={EPOCHS}", f"lr={','.join(RATES)}")
"""Overrides of every sweep."""

QUANTILE = 1.96


class Evaluation(NamedTuple):
    """Held-out score, 0 to 1, and held-out loss after an epoch."""

    score: float
    loss: float


class Run(NamedTuple):
    """A run of a sweep, with an evaluation for each epoch. `stop` is its recorded decision of halving, or None."""

    rate: str
    seed: int
    evaluations: list[Evaluation]
    stop: dict[str, Any] | None
    held_out_rows: int


def main() -> None:
    """Train the runs, compute the studies, and write `benchmarks/results/halving.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="folder of the runs; a temporary folder unless given")
    parser.add_argument("--rows", type=int, help="data.max_rows: fewer rows make the benchmark shorter")
    parser.add_argument(
        "--held-out-share", type=float, help="protocol.held_out_share: share of the rows that rank points"
    )
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    given = {"data.max_rows": options.rows, "protocol.held_out_share": options.held_out_share}
    recipe = (*RECIPE, *(f"{key}={value}" for key, value in given.items() if value is not None))
    cpu = {
        "full": train(folder / "full", recipe, REAL[0]),
        "halved": train(folder / "halved_0", recipe, REAL[0], is_halved=True),
    }
    train(folder / "full", recipe, SEEDS[SEEDS_OF_A_STUDY:])
    train(folder / "halved_1", recipe, REAL[1], is_halved=True)
    pool = read(folder / "full")
    rng = random.Random(0)
    studies = [study([each for each in pool if each.seed in seeds]) for seeds in REAL]
    studies += [study(drawn(pool, rng)) for _ in range(STUDIES - len(REAL))]
    checks = [same_decisions(pool, read(folder / f"halved_{number}")) for number in range(len(REAL))]
    summary = summarise(studies)
    say(json.dumps({**summary, "cpu_seconds": cpu, "computed_decisions_equal_real_ones": checks}, indent=2))
    write_result(
        "halving",
        {
            "recipe": recipe, "rungs": RUNGS, "keep": KEEP, "epochs_of_rungs": rung_epochs(EPOCHS, RUNGS, KEEP),
            "summary": summary, "cpu_seconds_of_one_study": cpu, "computed_decisions_equal_real_ones": checks,
            "studies": studies,
        },
    )  # fmt: skip


def train(folder: Path, recipe: Sequence[str], seeds: Iterable[int], *, is_halved: bool = False) -> float:
    """Train a sweep over the learning rates and some seeds, and return its CPU seconds, start-up included."""
    before = os.times()
    halving = (f"hydra.launcher.halving.rungs={RUNGS}", f"hydra.launcher.halving.keep={KEEP}") if is_halved else ()
    axes = (*recipe, f"seed={','.join(map(str, seeds))}")
    run("-m", "hydra/launcher=packed", *axes, *halving, f"output_dir={folder}", OMP_NUM_THREADS="1")
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def read(folder: Path) -> list[Run]:
    """Read the runs of a sweep, ordered by learning rate and seed."""
    runs = []
    for path in folder.glob("*/run.json"):
        record = json.loads(path.read_text())
        with (path.parent / "metrics.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["held_out/score"]]
        evaluations = [Evaluation(float(row["held_out/score"]), float(row["held_out/loss"])) for row in rows]
        rate = f"{record['config']['lr']:g}"
        num_rows = record["data"]["rows"]["held_out"]
        runs.append(Run(rate, record["config"]["seed"], evaluations, record.get("halving"), num_rows))
    return sorted(runs, key=lambda each: (RATES.index(each.rate), each.seed))


def drawn(pool: Sequence[Run], rng: random.Random) -> list[Run]:
    """Draw the runs of a study: for each learning rate, three of its seeds."""
    runs: list[Run] = []
    for rate in RATES:
        of_rate = [each for each in pool if each.rate == rate]
        runs += sorted(rng.sample(of_rate, SEEDS_OF_A_STUDY), key=lambda each: each.seed)
    return runs


def standing(evaluations: Sequence[Evaluation], *, is_stopped: bool = False) -> Standing:
    """Compute the standing of a run from its evaluations so far: best score, and lowest loss at equal scores."""
    best = max(evaluations, key=lambda each: (each.score, -each.loss))
    return Standing(best.score, best.loss, is_stopped)


def computed_stops(runs: Sequence[Run]) -> dict[int, Stop]:
    """Compute the decisions of halving from the curves of a full sweep, by the index of each stopped run."""
    epochs = rung_epochs(EPOCHS, RUNGS, KEEP)
    competitors = [Competitor("all", each.rate, epochs, KEEP) for each in runs]
    stops: dict[int, Stop] = {}
    for epoch in epochs:
        standings = [standing(each.evaluations[:epoch], is_stopped=index in stops) for index, each in enumerate(runs)]
        stops |= decide(competitors, standings, epoch)
    return stops


def study(runs: Sequence[Run]) -> dict[str, Any]:
    """Compare the best points of the full sweep and of halving, by their mean held-out scores.

    The interval is Wilson's for the best point of the full sweep. All seeds share the held-out rows, so the number of
    observations is the number of these rows. The score is the mean of accuracy and macro-F1, so the interval is an
    approximation.
    """
    stops = computed_stops(runs)
    scores: dict[str, list[float]] = {}
    for each in runs:
        scores.setdefault(each.rate, []).append(standing(each.evaluations).score or 0.0)
    means = {rate: fmean(values) for rate, values in scores.items()}
    stopped = {runs[index].rate for index in stops}
    best = max(means, key=lambda rate: means[rate])
    halved = max(means.keys() - stopped, key=lambda rate: means[rate])
    low, high = wilson(means[best], runs[0].held_out_rows, QUANTILE)
    trained = sum(stops[index].epoch if index in stops else EPOCHS for index in range(len(runs)))
    return {
        "seeds": {rate: [each.seed for each in runs if each.rate == rate] for rate in RATES},
        "best_rate": best,
        "best_score": means[best],
        "interval": [float(low), float(high)],
        "rate_with_halving": halved,
        "score_with_halving": means[halved],
        "is_within": bool(low <= means[halved] <= high),
        "share_of_steps": trained / (EPOCHS * len(runs)),
    }


def same_decisions(pool: Sequence[Run], halved: Sequence[Run]) -> bool:
    """Whether a real sweep with halving stopped the same runs at the same rungs as the computed decisions."""
    seeds = {each.seed for each in halved}
    full = [each for each in pool if each.seed in seeds]
    stops = computed_stops(full)
    pairs = enumerate(zip(full, halved, strict=True))
    return all(
        (each.rate, each.seed) == (other.rate, other.seed) and _is_equal(stops.get(index), other.stop)
        for index, (each, other) in pairs
    )


def _is_equal(stop: Stop | None, recorded: dict[str, Any] | None) -> bool:
    keys = ("rung", "epoch", "rank", "competitors")
    if stop is None or recorded is None:
        return stop is None and recorded is None
    return all(asdict(stop)[key] == recorded[key] for key in keys)


def summarise(studies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Summarise the studies: how often halving's best point is within the interval, and how much score it loses."""
    losses = [each["best_score"] - each["score_with_halving"] for each in studies]
    return {
        "studies": len(studies),
        "within_interval": sum(each["is_within"] for each in studies),
        "same_best_point": sum(each["best_rate"] == each["rate_with_halving"] for each in studies),
        "mean_loss_of_held_out_score": fmean(losses),
        "largest_loss_of_held_out_score": max(losses),
        "largest_share_of_steps": max(each["share_of_steps"] for each in studies),
    }


if __name__ == "__main__":
    main()
