"""Measure seconds and memory of a report over 63 and over 1,010 runs, and the seconds of start-up.

    python -m benchmarks.report                         # three minutes on two cores

Each encoder is trained once, for a few steps. The other runs of the study are copies of these run folders. A copy has
another learning rate and seed in its record, and its answers are permuted among rows of the same label.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.command import ROOT, run, write_result
from rpt.console import say

ENCODERS = ("plain", "mlp", "residual", "lstm")
FEW_RATES = (0.0003, 0.003, 0.03, 0.3, 3.0)
MANY_RATES = tuple(float(f"{10 ** (-3.5 + step / 6):.3g}") for step in range(25))


def main() -> None:
    """Measure the reports, print the results, and write them to `benchmarks/results/`."""
    table = {}
    with tempfile.TemporaryDirectory() as folder:
        trained = Path(folder, "trained")
        run(
            "-m",
            "hydra/launcher=packed",
            f"encoder=none,{','.join(ENCODERS)}",
            "trainer=debug",
            f"output_dir={trained}",
        )
        for rates, seeds in ((FEW_RATES, 3), (MANY_RATES, 10)):
            study = Path(folder, f"{len(rates)}_rates")
            count = copy_runs(trained, study, rates, seeds)
            table[str(count)] = {"seconds": seconds_of("rpt.report", str(study)), "peak_bytes": peak_of_children()}
    table["start-up"] = {"seconds": seconds_of("rpt.report", "--help"), "peak_bytes": 0}
    for name, result in table.items():
        say(f"{name:>9} runs {result['seconds']:7.1f} s   peak {result['peak_bytes'] / 2**20:6.0f} MiB")
    write_result("report", {"table": table})


def copy_runs(trained: Path, study: Path, rates: Sequence[float], seeds: int) -> int:
    """Write a study of learning rates from one run folder for each encoder, and return its number of runs."""
    count = 0
    for folder in sorted(path.parent for path in trained.glob("*/run.json")):
        record = json.loads((folder / "run.json").read_text())
        for rate in rates if record["chosen"]["encoder"] != "none" else [record["config"]["lr"]]:
            for seed in range(seeds):
                count += 1
                copy = study / f"{folder.name}-{count}"
                shutil.copytree(folder, copy)
                write_copy(copy, rate, seed, number=count)
    return count


def write_copy(folder: Path, rate: float, seed: int, number: int) -> None:
    """Change a copied run: its learning rate, its seed, its hashes, and the order of its answers."""
    record = json.loads((folder / "run.json").read_text())
    record["name"] = folder.name
    record["config"] |= {"lr": rate, "seed": seed}
    record["config"]["data"]["order_seed"] = seed
    record["identity_hash"] = f"{number:064x}"
    record["setting_hash"] = f"{round(rate * 10**6):032x}{record['setting_hash'][:32]}"
    (folder / "run.json").write_text(json.dumps(record))
    path = folder / "predictions.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    by_target: dict[str, list[dict[str, object]]] = {}
    for line in lines:
        by_target.setdefault(line["target"], []).append(line)
    for same_target in by_target.values():  # this permutation does not change the score in the record
        answers = [(line["predicted"], line["choice"], line["right"], line["scores"]) for line in same_target]
        random.Random(number).shuffle(answers)
        for line, answer in zip(same_target, answers, strict=True):
            line |= dict(zip(("predicted", "choice", "right", "scores"), answer, strict=True))
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def seconds_of(*command: str) -> float:
    """Return the seconds that `python -m COMMAND` takes."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def peak_of_children() -> int:
    """Return the largest resident memory of all child processes so far. Reports are measured in ascending size."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


if __name__ == "__main__":
    main()
