"""Simulated studies in which all encoders are equal, so that every verdict of a difference is a false positive."""

from pathlib import Path

import numpy as np

from rpt.report.read.run import Axis, StudyRun
from rpt.report.read.study import Study
from rpt.tracking.record import Record

METHODS = ("plain", "mlp", "residual", "lstm")
RATES = (0.0003, 0.003, 0.03, 0.3, 3.0)
NOISE = {"calm": 0.1, "noisy": 0.3}
"""Standard deviation between runs, in logits. At an accuracy of 70 %, 0.1 is about 2 points and 0.3 about 6 points."""
SKILL = 0.7
MAJORITY = 0.5


def null_study(seed, run_std, *, methods=METHODS, rates=RATES, num_seeds=3, num_rows=56, num_held_out=89):
    """Return a study of learning rates whose runs all have the same expected score.

    Args:
        seed: Seed of the simulated answers.
        run_std: Standard deviation between runs, in logits. A run's deviation is the same on both splits.
        methods: Names of encoders.
        rates: Learning rates.
        num_seeds: Number of runs at each point.
        num_rows: Number of reported rows. All runs share the difficulty of a row.
        num_held_out: Number of held-out rows, whose score chooses the learning rate.
    """
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 1.2, num_rows + num_held_out)
    level = np.log(SKILL / (1 - SKILL))

    def run(method, values, run_seed):
        logits = level + rng.normal(0, run_std) - difficulty
        right = (rng.random(len(difficulty)) < 1 / (1 + np.exp(-logits))).astype(float)
        return _run(method, values, run_seed, right[:num_rows], right[num_rows:])

    runs = [run(method, {"lr": rate}, number) for method in methods for rate in rates for number in range(num_seeds)]
    baselines = [run("head alone", {}, number) for number in range(num_seeds)]
    axis = Axis("lr", "learning rate", tuple(rates), is_log=True)
    return Study("null", None, runs, baselines, (axis,) if len(rates) > 1 else (), is_sample=False, unfinished={})


def _run(method, values, seed, units, held_out):
    record = {
        "status": "finished",
        "task": {"name": "cb"},
        "config": {"seed": seed},
        "majority": {"score": MAJORITY},
        "scores": {"score": float(units.mean())},
        "best": {"held_out": {"score": float(held_out.mean())}},
        "data": {"source": "jsonl", "rows": {"reported": len(units)}},
    }
    name = "-".join(map(str, (method, *values.values(), seed)))
    return StudyRun(Path(name), Record.model_validate(record), method, values, units)
