"""Measure the CPU time and wall time of a short command, and the time of its imports by package.

    python -m benchmarks.startup                        # five minutes on two quiet cores
    python -m benchmarks.startup --before TREE          # alternately with another checkout of rpt

Each command trains one epoch on a few rows. CPU time is the user time of the process and its children. It depends less
on other processes of the machine than wall time. The time of the first step is the time at which the record `run.json`
appears, which is written right before the step.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.command import ROOT, write_result
from rpt.console import say

COMMAND = ("run.py", "trainer.epochs=1", "data.max_rows=16")
IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\w+)")
MOST_PACKAGES = 12


def main() -> None:
    """Measure the commands, print the results, and write them to `benchmarks/results/`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, measured alternately with this checkout")
    parser.add_argument("--times", type=int, default=5, help="commands of each checkout (default: %(default)s)")
    options = parser.parse_args()
    trees = {"now": ROOT} | ({"before": options.before.absolute()} if options.before else {})
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for round_number in range(options.times):
        for name, tree in trees.items():
            runs[name].append(command(tree))
            say(
                f"{round_number + 1} {name:6}  "
                + "  ".join(f"{key} {value:5.1f}" for key, value in runs[name][-1].items())
            )
    medians = {name: _medians(measured) for name, measured in runs.items()}
    imports = {name: import_seconds(tree) for name, tree in trees.items()}
    write_result("startup", {"times": options.times, "medians": medians, "runs": runs, "imports": imports})


def _medians(measured: list[dict[str, float]]) -> dict[str, float]:
    return {key: median(seconds[key] for seconds in measured) for key in measured[0]}


def command(tree: Path) -> dict[str, float]:
    """Run a small training in a process of its own.

    Args:
        tree: Checkout whose `run.py` is run.

    Returns:
        Seconds: `cpu` is the user time of the whole command. `first_step` is the wall time until the training begins,
        and `whole` is the wall time until the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.monotonic()
        process = _start([*COMMAND, f"output_dir={folder}"], tree)
        while not list(Path(folder).glob("*/run.json")) and process.poll() is None:
            time.sleep(0.01)
        first_step = time.monotonic() - start
        _end(process)
        wall = time.monotonic() - start
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return {"cpu": cpu, "first_step": first_step, "whole": wall}


def import_seconds(tree: Path) -> dict[str, float]:
    """Return import seconds by package: `all` is the sum of all packages, then follow the slowest packages in order."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        messages = _end(_start(["-X", "importtime", *COMMAND, f"output_dir={folder}"], tree))
    for micros, package in IMPORT.findall(messages):
        seconds[package] = seconds.get(package, 0.0) + int(micros) / 1e6
    ranked = sorted(seconds.items(), key=lambda item: -item[1])
    return {"all": sum(seconds.values()), **dict(ranked[:MOST_PACKAGES])}


def _start(arguments: list[str], tree: Path) -> subprocess.Popen[str]:
    """Start Python in a checkout, so that it imports the modules of the checkout."""
    environment = os.environ | {"PYTHONPATH": str(tree), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _end(process: subprocess.Popen[str]) -> str:
    """Wait for a command and return its stderr. A failure ends the benchmark."""
    _, messages = process.communicate()
    if process.returncode != 0:
        sys.exit(messages)
    return messages


if __name__ == "__main__":
    main()
