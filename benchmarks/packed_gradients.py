"""Is a packed run's gradient further from the true one than that of the run alone? Main job, bfloat16, 20 seeds.

    python -m benchmarks.packed_gradients               # CB sample, MiniLM, residual; three minutes on two cores

`benchmarks.packed_scores` asks whether scores differ, which takes many seeds, for a training amplifies every rounding.
This asks where a difference would have to come from: at states that the runs have reached, the gradient of a step is
taken packed, alone and packed over a float32 backbone, which stands for the truth. A bias would show as a projection
on the true gradient that differs between packed and alone, noise as a larger error.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.by_hand import assemble, gradients, ready
from benchmarks.command import keep
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.console import say
from rpt.data.datamodule import PackData
from rpt.data.rows import Rows
from rpt.training.library_messages import quiet_libraries
from rpt.training.module import PromptTuner

STEPS = 5
"""Steps whose gradients are compared."""

PARTS: dict[str, Callable[[str], bool]] = {
    "prompt": lambda name: not name.startswith("head."),
    "head": lambda name: name.startswith("head."),
}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--after", type=int, default=30, help="steps that the runs are trained before")
    given = parser.parse_args()
    quiet_libraries()
    found = compare(given.seeds, given.after)
    table = {part: summary(np.array(rows)) for part, rows in found.items()}
    for part, line in table.items():
        say(f"{part:7}" + "   ".join(f"{name} {value:.6f}" for name, value in line.items()))
    keep("packed_gradients", {"seeds": given.seeds, "after": given.after, "steps": STEPS, "table": table})


def compare(seeds: int, after: int) -> dict[str, list[list[float]]]:
    """For each part, of every step and run: projections on the true gradient, errors, and the distance of the two."""
    packed, data = pack(range(seeds), "bfloat16")
    true, _ = pack(range(seeds), "float32")
    alone, _ = pack([0], "bfloat16")
    steps = list(islice(data.train_dataloader(), after + STEPS))
    for step in steps[:after]:
        packed.training_step(step, 0)
    states = [copy.deepcopy(run.state()) for run in packed.runs]
    found: dict[str, list[list[float]]] = {part: [] for part in PARTS}
    for step in steps[after:]:
        together, truth = gradients_at(states, packed, step), gradients_at(states, true, step)
        for index, state in enumerate(states):
            [single] = gradients_at([state], alone, step.without(set(range(seeds)) - {index}).of_run(0))
            for part, is_of in PARTS.items():
                of = [flat(one, is_of) for one in (together[index], single, truth[index])]
                found[part].append(distances(*of))
    return found


def pack(seeds: Any, dtype: str) -> tuple[PromptTuner, PackData]:
    """The main job's module and data, for these seeds."""
    configs = [check(compose([f"backbone.dtype={dtype}", f"seed={seed}", "trainer.device=cpu"])) for seed in seeds]
    tuner, data = assemble(configs)
    ready(tuner).train()
    return tuner, data


def gradients_at(states: list[Any], tuner: PromptTuner, step: Rows) -> list[dict[str, Tensor]]:
    """The gradients of a step, each run at its given state. Nothing is updated."""
    for run, state in zip(tuner.runs, states, strict=True):
        run.restore(copy.deepcopy(state))
    return gradients(tuner, step)


def flat(gradient: dict[str, Tensor], is_of: Callable[[str], bool]) -> Tensor:
    """The gradient of one part as a vector."""
    return torch.cat([one.double().flatten() for name, one in gradient.items() if is_of(name)])


def distances(packed: Tensor, alone: Tensor, true: Tensor) -> list[float]:
    """Projections of both on the true gradient, errors of both, distance of the two, in units of its norm."""
    projections = [float(one @ true / (true @ true)) for one in (packed, alone)]
    pairs = [(packed, true), (alone, true), (packed, alone)]
    return projections + [float((one - other).norm() / true.norm()) for one, other in pairs]


def summary(rows: np.ndarray) -> dict[str, float]:
    """Means over steps and runs; of the projections' difference the standard error too."""
    apart = rows[:, 0] - rows[:, 1]
    return {
        "projection_packed": rows[:, 0].mean(),
        "projection_alone": rows[:, 1].mean(),
        "difference": apart.mean(),
        "standard_error": apart.std(ddof=1) / len(rows) ** 0.5,
        "error_packed": rows[:, 2].mean(),
        "error_alone": rows[:, 3].mean(),
        "distance": rows[:, 4].mean(),
        "same_bits": float((rows[:, 4] == 0).mean()),
    }


if __name__ == "__main__":
    main()
