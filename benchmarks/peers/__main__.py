"""Compare rpt with PEFT and Trainer, with the habits of the published code, and with a plain PyTorch loop.

    python -m benchmarks.peers                                   # MiniLM and SmolLM2, sample rows of CB
    python -m benchmarks.peers --tokenizer FOLDER                # also T5-small and T5-Base, with random weights
    python -m benchmarks.peers --root superglue --tasks cb,rte   # rows of the official release

All ways take turns in one process, over the same rows and weights. A ratio compares two ways in the same round, and
the table has medians over rounds. Peak memory and start-up are measured in a process for each way.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from pathlib import Path
from typing import Any

from rpt.system.openmp import VARIABLES

os.environ.update({"HF_HUB_OFFLINE": "1", **VARIABLES, **os.environ})

from benchmarks.command import RESULTS, write_result
from benchmarks.peers.jobs import FAMILIES, Job, find_weights
from benchmarks.peers.library import quiet
from benchmarks.peers.measure import PACKS, PROCESSES, PUBLISHED, Measurement
from benchmarks.peers.report import draw, table, target_line, targets
from benchmarks.peers.taken import CLOCKS
from rpt.console import say
from rpt.training.silenced_messages import quiet_libraries


def main() -> None:
    """Measure each shape on each task, print tables and targets, and write `peers.json` and `peers.svg`."""
    options = _options()
    quiet_libraries()
    quiet()
    rows = "sample" if options.root is None else "official release"
    settings = {"rounds": options.rounds, "clock": options.clock, "rows": rows, "load_average": os.getloadavg()}
    measurements = []
    with tempfile.TemporaryDirectory() as scratch:
        for shape in options.shapes:
            folder = find_weights(shape, options.tokenizer, Path(scratch))
            for task in options.tasks:
                job = Job(shape, task, folder, options.root, options.steps)
                measurements.append(_measure(job, options, Path(scratch) / f"{shape}-{task}"))
    compared = targets(measurements)
    for target in compared:
        say(target_line(target))
    options.output.mkdir(parents=True, exist_ok=True)
    draw(measurements, options.output / "peers.svg")
    result = {"settings": settings, "measurements": measurements, "targets": compared}
    write_result("peers", result, folder=options.output)


def _measure(job: Job, options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Measure one shape on one task, print the table, and free the memory."""
    say(f"{job.shape}, rows of {job.task}")
    result = Measurement(job, options.packs, options.without, options.clock, scratch).run(options.rounds)
    say(table(result, options.clock))
    gc.collect()
    return result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder of the official release; without it, sample rows")
    parser.add_argument("--tokenizer", help="folder of T5's tokenizer, for the T5 shapes")
    parser.add_argument("--shapes", type=_names, help=f"shapes, separated by commas: {', '.join(FAMILIES)}")
    parser.add_argument("--tasks", type=_names, default=["cb"], help="tasks with labels, separated by commas")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of all ways (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=4, help="steps of a way in a round (default: %(default)s)")
    parser.add_argument("--packs", type=_numbers, default=list(PACKS), help="sizes of packs, separated by commas")
    parser.add_argument("--without", type=_names, default=[], help="published_habits,processes: parts to leave out")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu on a busy machine (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    options = parser.parse_args()
    if options.shapes is None:
        options.shapes = [name for name in FAMILIES if FAMILIES[name] != "seq2seq" or options.tokenizer is not None]
    if unknown := set(options.without) - {PUBLISHED, PROCESSES}:
        parser.error(f"--without {unknown.pop()}: no such part. Choose from {PUBLISHED}, {PROCESSES}.")
    for shape in options.shapes:
        if shape not in FAMILIES:
            parser.error(f"--shapes {shape}: no such shape. Choose from {', '.join(FAMILIES)}.")
        if FAMILIES[shape] == "seq2seq" and options.tokenizer is None:
            parser.error(f"--shapes {shape}: set --tokenizer to a folder with T5's tokenizer.")
    return options


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


if __name__ == "__main__":
    main()
