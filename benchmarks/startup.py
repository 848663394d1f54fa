"""Measure what a command costs before its first training step, and which imports take the time.

    python -m benchmarks.startup                        # five minutes on two quiet cores
    python -m benchmarks.startup --before TREE          # in turns with another checkout of rpt

Each command trains one epoch on a few rows. CPU time is what the process and its children were charged for, so that
other processes on the machine disturb it less than wall time. The record `run.json` is written right before the first
step.
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

from benchmarks.command import ROOT, keep
from rpt.console import say

COMMAND = ("run.py", "trainer.epochs=1", "data.max_rows=16")
IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\w+)")
MOST_PACKAGES = 12


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout, measured in turns with this one")
    parser.add_argument("--times", type=int, default=5, help="commands of each checkout (default: %(default)s)")
    given = parser.parse_args()
    trees = {"now": ROOT} | ({"before": given.before.absolute()} if given.before else {})
    found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for turn in range(given.times):
        for name, tree in trees.items():
            found[name].append(command(tree))
            say(f"{turn + 1} {name:6}  " + "  ".join(f"{key} {value:5.1f}" for key, value in found[name][-1].items()))
    medians = {name: {key: median(one[key] for one in runs) for key in runs[0]} for name, runs in found.items()}
    imports = {name: import_seconds(tree) for name, tree in trees.items()}
    keep("startup", {"times": given.times, "medians": medians, "runs": found, "imports": imports})


def command(tree: Path) -> dict[str, float]:
    """Run a small training in a process of its own.

    Args:
        tree: Checkout whose `run.py` is run.

    Returns:
        Seconds: `cpu` of the whole command in user mode; by the clock, `first_step` until the training begins and
        `whole` until the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime, time.monotonic()
        process = _start([*COMMAND, f"output_dir={folder}"], tree)
        while not list(Path(folder).glob("*/run.json")) and process.poll() is None:
            time.sleep(0.01)
        first_step = time.monotonic() - start
        _end(process)
        whole = time.monotonic() - start
        cpu = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return {"cpu": cpu, "first_step": first_step, "whole": whole}


def import_seconds(tree: Path) -> dict[str, float]:
    """Seconds that Python spends in the modules of each package, the largest first."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        said = _end(_start(["-X", "importtime", *COMMAND, f"output_dir={folder}"], tree))
    for micros, package in IMPORT.findall(said):
        seconds[package] = seconds.get(package, 0.0) + int(micros) / 1e6
    ranked = sorted(seconds.items(), key=lambda one: -one[1])
    return {"all": sum(seconds.values()), **dict(ranked[:MOST_PACKAGES])}


def _start(arguments: list[str], tree: Path) -> subprocess.Popen[str]:
    """Start Python in a checkout, which its modules come from."""
    environment = os.environ | {"PYTHONPATH": str(tree), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def _end(process: subprocess.Popen[str]) -> str:
    """Wait for a command; returns what it wrote to stderr. A failure ends the benchmark."""
    _, said = process.communicate()
    if process.returncode != 0:
        sys.exit(said)
    return said


if __name__ == "__main__":
    main()
