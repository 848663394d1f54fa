"""Cost of a training step with the prompt in front of the text, behind it, and before a layer at half depth.

    python -m benchmarks.placement                                        # SmolLM2, sample rows of CB; two minutes
    python -m benchmarks.placement --root superglue --task cb,rte,boolq   # rows of the official release
    python -m benchmarks.placement --backbone minilm                      # another option of conf/backbone/
    python -m benchmarks.placement --backbone DIR                         # a model on disk

A prompt in front of the text changes all states of the text, so that each step computes the whole text again. A prompt
behind the text does not change the states of the text in a decoder. A prompt before a layer does not change the states
below this layer. Constant states are computed once and cached. All ways are measured alternately in one process, over
the same 32 rows. A ratio is the cost with the prompt in front, divided by the cost of the other way in the same round.
The table has the median ratio over rounds. CPU time is the sum of user and system time.
"""

from __future__ import annotations

import argparse
import os
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

import torch

from benchmarks.by_hand import take_steps
from benchmarks.command import read_result, write_result
from benchmarks.costs import Cost, cost, summary
from rpt.backbones.bounded_cache import BoundedCache
from rpt.backbones.causal import CausalBackbone
from rpt.build import assemble
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.console import say
from rpt.data.datamodule import PackData
from rpt.tracking.environment import environment
from rpt.training.module import PromptTuner

STEPS = 4
"""Number of steps of a measurement, which are always the first steps of the first epoch."""

ROUNDS = 3

Pack = tuple[PromptTuner, PackData]


def main() -> None:
    """Measure the steps of each task, print the table, and write it to `benchmarks/results/placement.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="cb", help="tasks, separated by commas")
    parser.add_argument("--root", help="folder of the official release; without it, sample rows")
    parser.add_argument("--backbone", default="smollm2", help="option of conf/backbone/, or folder of a model")
    options = parser.parse_args()
    results = read_result("placement")
    for task in options.task.split(","):
        name = Path(options.backbone).name
        results[f"{name}, {task}"] = measure(task, options.root, options.backbone)
    write_result("placement", {key: value for key, value in results.items() if key != "environment"})


def measure(task: str, root: str | None, backbone: str) -> dict[str, Any]:
    """Measure the steps of one task, print a line for each way, and return costs, ratios and sizes of the caches."""
    front = pack(task, root, backbone)
    layers = front[0].backbone.num_layers // 2
    packs = {f"layer {layers} of {front[0].backbone.num_layers}": f"backbone.prompt_layer={layers}"}
    if isinstance(front[0].backbone, CausalBackbone):
        packs["end"] = "backbone.prompt_at=end"
    others = {way: pack(task, root, backbone, override) for way, override in packs.items()}
    costs: dict[str, list[Cost]] = {"front": []}
    for warm_up in (front, *others.values()):
        take_steps(*warm_up, 1)
    for _ in range(ROUNDS):
        costs["front"].append(cost(lambda: take_steps(*front, STEPS), STEPS))
        for way, other in others.items():
            cache_of(other).clear()
            for state in ("first time", "cached"):
                costs.setdefault(f"{way}, {state}", []).append(cost(partial(take_steps, *other, STEPS), STEPS))
    table = {way: summary(costs["front"], rounds) for way, rounds in costs.items()}
    mean = statistics.mean(front[1].train.lengths)
    say(f"{backbone}, {task}: {mean:.0f} tokens a row")
    for way, row in table.items():
        ratios = f"ratio {row['cpu_ratio']:6.2f}; wall ratio {row['wall_ratio']:6.2f}"
        say(f"  {way:24} {row['cpu']:6.3f} s CPU a step, {ratios}")
    return {
        "environment": environment(torch.device("cpu")).model_dump(mode="json"),
        "dtype": str(front[0].backbone.dtype),
        "mean_tokens": mean,
        "cached_bytes": {way: cache_of(other).num_bytes for way, other in others.items()},
        "table": table,
        "seconds_per_step": costs,
    }


def pack(task: str, root: str | None, backbone: str, *overrides: str) -> Pack:
    """Build a run with the prompt in front of the text, unless overrides place it elsewhere."""
    data = ["data=sample"] if root is None else ["data=jsonl", f"data.root={root}"]
    is_folder = Path(backbone).is_dir()
    local = ["backbone=local", "backbone.name=local", f"backbone.path={backbone}"]
    model = local if is_folder else [f"backbone={backbone}"]
    fixed = ["backbone.prompt_at=front", "trainer.device=cpu", "trainer.progress=false"]
    tuner, rows = assemble([check(compose([f"task={task}", *data, *model, *fixed, *overrides]))])
    return tuner, rows


def cache_of(pack: Pack) -> BoundedCache[Any]:
    """Return a pack's cache: states of texts before the prompt's layer, or keys and values of texts in a decoder."""
    cache = pack[0].text_cache
    assert cache is not None
    return cache


if __name__ == "__main__":
    main()
