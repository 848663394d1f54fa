"""Measure every shape on every task, and write tables, targets, figure and JSON."""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.command import write_result
from benchmarks.peers.jobs import Job, find_weights
from benchmarks.peers.measure import Measurement
from benchmarks.peers.peft_steps import quiet
from benchmarks.peers.report import draw, table, target_line, targets
from rpt.console import say


def run(options: argparse.Namespace) -> None:
    """Measure each shape on each task, print tables and targets, and write `peers.json` and `peers.svg`.

    Args:
        options: Options of the command line.
    """
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
