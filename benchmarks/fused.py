"""Cost of a SmolLM2 training step with transformers' layers and with the layers of `rpt.backbones.fused`.

    python -m benchmarks.fused           # CB sample, prompt in front, batch 8, CPU; about a minute

All variants are measured alternately in one process, over the same rows. A ratio is the cost with transformers' layers
divided by the cost of the variant in the same round. The table has the median ratio over rounds. CPU time is the sum of
user and system time.
"""

from __future__ import annotations

import os

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

from torch import nn

from benchmarks.by_hand import take_steps
from benchmarks.command import write_result
from benchmarks.costs import Cost, cost, summary
from rpt.backbones.fused import REPLACEMENTS, FusedLlamaAttention
from rpt.build import assemble
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.console import say

STEPS = 4
ROUNDS = 5
VARIANTS: dict[str, set[type[nn.Module]]] = {
    "layers of transformers": set(),
    "grouped attention": {FusedLlamaAttention},
}


def main() -> None:
    """Measure the costs, print the table, and write it to `benchmarks/results/fused.json`."""
    config = check(
        compose(
            ["task=cb", "backbone=smollm2", "backbone.prompt_at=front", "trainer.device=cpu", "trainer.progress=false"]
        )
    )
    tuner, data = assemble([config])
    take_steps(tuner, data, 1)  # warm-up
    costs: dict[str, list[Cost]] = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        for name, layers in VARIANTS.items():
            use(tuner.backbone.model, layers)
            costs[name].append(cost(lambda: take_steps(tuner, data, STEPS), STEPS))
    table = {name: summary(costs["layers of transformers"], rounds) for name, rounds in costs.items()}
    for name, row in table.items():
        say(f"{name:24} {row['cpu']:6.3f} s CPU, ratio {row['cpu_ratio']:5.3f}; wall ratio {row['wall_ratio']:5.3f}")
    write_result("fused", {"seconds_per_step": costs, "table": table})


def use(model: nn.Module, layers: set[type[nn.Module]]) -> None:
    """Replace the layers of the given types, and put transformers' layers back for all others."""
    for module in model.modules():
        for original, replacement in REPLACEMENTS.items():
            if type(module) in (original, replacement):
                module.__class__ = replacement if replacement in layers else original


if __name__ == "__main__":
    main()
