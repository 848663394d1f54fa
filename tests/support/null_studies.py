"""Studies in memory in which no encoder differs from another, for counting the verdicts that are false."""

from pathlib import Path

import numpy as np

from rpt.report.read.run import Axis, StudyRun
from rpt.report.read.study import Study
from rpt.tracking.record import Record

METHODS = ("plain", "mlp", "residual", "lstm")
RATES = (0.0003, 0.003, 0.03, 0.3, 3.0)
NOISE = {"calm": 0.1, "noisy": 0.3}
"""Standard deviation of a run's own luck in logits: 0.1 is about 2 points at 70 %, 0.3 is about 6 points."""
SKILL = 0.7
MAJORITY = 0.5


def null_study(seed, luck, *, methods=METHODS, rates=RATES, num_seeds=3, num_rows=56, num_held_out=89):
    """Return a study of learning rates whose runs all have the same expected score.

    Args:
        seed: Seed of the answers.
        luck: Standard deviation of a run's own luck, in logits. The held-out and the reported rows share it.
        methods: Names of encoders.
        rates: Learning rates.
        num_seeds: Runs of each point.
        num_rows: Reported rows, with a difficulty that all runs share.
        num_held_out: Rows that choose the learning rate.
    """
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 1.2, num_rows + num_held_out)
    level = np.log(SKILL / (1 - SKILL))

    def run(method, values, run_seed):
        logits = level + rng.normal(0, luck) - difficulty
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
