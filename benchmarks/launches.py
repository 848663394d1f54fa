"""Count the operators of a training step that would each be a kernel launch on a GPU.

    python -m benchmarks.launches                        # MiniLM and SmolLM2, sample rows of CB; two minutes
    python -m benchmarks.launches --backbones minilm     # half a minute

A step of a small model on a large GPU takes at least the number of its launches multiplied by the time of a launch. The
runs of a pack share the launches of the backbone. The count is taken on the CPU, below autograd, over forward pass,
backward pass and optimizer. Views and allocations are not counted, because they launch nothing. Fused kernels of a GPU,
such as an optimizer for several tensors at once, launch fewer.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from typing import Any

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.by_hand import take_steps
from benchmarks.command import write_result
from rpt.build import assemble
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.console import say
from rpt.data.batches import TRAINING_TOKENS

SIZES = (1, 16)
SHOWN = 6
NO_KERNELS = ("_unsafe_view", "detach", "empty", "empty_like", "empty_strided", "lift_fresh", "new_empty")
"""Operators that launch no kernel, although torch does not mark them as views."""


class LaunchCounter(TorchDispatchMode):
    """Mode that counts the operators that compute values and are called inside its `with` block.

    Attributes:
        counts: Number of calls of each operator, by the operator's name.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count an operator that is neither a view nor an allocation, and call it."""
        name = func.overloadpacket.__name__
        if not func.is_view and name not in NO_KERNELS:
            self.counts[name] += 1
        return func(*args, **(kwargs or {}))


def main() -> None:
    """Count the launches of each model and size, print them, and write them to `benchmarks/results/launches.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", default="minilm,smollm2", help="options of conf/backbone, separated by commas")
    options = parser.parse_args()
    table = {name: {size: launches(name, size) for size in SIZES} for name in options.backbones.split(",")}
    for name, sizes in table.items():
        for size, counts in sizes.items():
            per_run = counts["all"] / size
            say(f"{name:8} {size:3} runs   {counts['all']:6} launches a step   {per_run:8.1f} for each run")
    write_result("launches", {"table": table})


def launches(backbone: str, size: int) -> dict[str, Any]:
    """Count the launches of one step of a pack with a GPU's token budget.

    Returns:
        `all`: number of launches; `most`: the operators with the largest numbers of launches.
    """
    budget = f"trainer.token_budget={TRAINING_TOKENS['cuda']}"
    fixed = ["task=cb", f"backbone={backbone}", "trainer.device=cpu", "trainer.progress=false", budget]
    tuner, data = assemble([check(compose([*fixed, f"seed={seed}"])) for seed in range(size)])
    take_steps(tuner, data, 1)  # creates the state of the optimizers
    counter = LaunchCounter()
    with counter:
        take_steps(tuner, data, 1)
    return {"all": counter.counts.total(), "most": dict(counter.counts.most_common(SHOWN))}


if __name__ == "__main__":
    main()
