"""Cost of a SmolLM2 training step with the prompt before the text, and with the prompt after a cached text.

    python -m benchmarks.placement                                        # sample rows of CB; about two minutes
    python -m benchmarks.placement --root superglue --task cb,rte,boolq   # rows of the official release

A prompt before the text changes all states of the text, so that each step computes the whole text again. A prompt after
the text does not change the states of the text in a decoder. The keys and values of the text are computed once and
cached. All variants are measured alternately in one process, over the same 32 rows. A ratio is the cost with the prompt
before the text, divided by the cost of the other variant in the same round. The table has the median ratio over rounds.
CPU time is the sum of user and system time.
"""

from __future__ import annotations

import argparse
import os
import statistics
from typing import Any

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

from benchmarks.by_hand import assemble, take_steps, without_trainer
from benchmarks.command import write_result
from benchmarks.costs import Cost, cost, summary
from rpt.backbones.causal import CausalBackbone
from rpt.config.check import check
from rpt.config.compose import compose
from rpt.console import say
from rpt.data.datamodule import PackData
from rpt.training.module import PromptTuner
from rpt.training.silenced_messages import quiet_libraries

STEPS = 4
"""Number of steps of a measurement, which are always the first steps of the first epoch."""

ROUNDS = 3

Pack = tuple[PromptTuner, PackData]


def main() -> None:
    """Measure the steps of each task, print the table, and write it to `benchmarks/results/placement.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", default="cb", help="tasks, separated by commas")
    parser.add_argument("--root", help="folder of the official release; without it, sample rows")
    options = parser.parse_args()
    quiet_libraries()
    write_result("placement", {task: measure(task, options.root) for task in options.task.split(",")})


def measure(task: str, root: str | None) -> dict[str, Any]:
    """Measure the steps of one task, print a line for each variant, and return costs, ratios and size of the cache."""
    front, end = pack(task, root, "front"), pack(task, root, "end")
    lengths = front[1].train.lengths
    costs: dict[str, list[Cost]] = {"front": [], "end, first time": [], "end, cached": []}
    for warm_up in (front, end):
        take_steps(*warm_up, 1)
    for _ in range(ROUNDS):
        costs["front"].append(cost(lambda: take_steps(*front, STEPS), STEPS))
        texts_of(end).clear()
        costs["end, first time"].append(cost(lambda: take_steps(*end, STEPS), STEPS))
        costs["end, cached"].append(cost(lambda: take_steps(*end, STEPS), STEPS))
    table = {way: summary(costs["front"], rounds) for way, rounds in costs.items()}
    mebibytes = texts_of(end).num_bytes / 2**20
    say(f"{task}: {statistics.mean(lengths):.0f} tokens a row, {mebibytes:.0f} MiB of cached texts")
    for way, row in table.items():
        ratios = f"ratio {row['cpu_ratio']:6.2f}; wall ratio {row['wall_ratio']:6.2f}"
        say(f"  {way:20} {row['cpu']:6.3f} s CPU a step, {ratios}")
    return {
        "mean_tokens": statistics.mean(lengths),
        "cached_bytes": texts_of(end).num_bytes,
        "table": table,
        "seconds_per_step": costs,
    }


def pack(task: str, root: str | None, prompt_at: str) -> Pack:
    """Build a run of SmolLM2 with the prompt at `front` or `end`."""
    data = ["data=sample"] if root is None else ["data=jsonl", f"data.root={root}"]
    model = ["backbone=smollm2", f"backbone.prompt_at={prompt_at}"]
    fixed = ["trainer.device=cpu", "trainer.progress=false"]
    tuner, rows = assemble([check(compose([f"task={task}", *data, *model, *fixed]))])
    return without_trainer(tuner), rows


def texts_of(pack: Pack) -> Any:
    """Return the cache of texts of a decoder."""
    backbone = pack[0].backbone
    assert isinstance(backbone, CausalBackbone)
    return backbone.texts


if __name__ == "__main__":
    main()
