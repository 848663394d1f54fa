"""Measure predictions with several prompts over one backbone: mixed in shared forward passes, or prompt by prompt.

    python -m benchmarks.predict                             # pairs of short sentences, about 10 minutes of CPU time
    python -m benchmarks.predict --task cb --rows 1000       # longer texts
    python -m benchmarks.predict --backbone small            # a random BERT with 2 layers of width 128

Each row names one of the prompts. `mixed` answers all rows together. `apart N` answers the rows of each prompt by
themselves, in batches of N rows, as a program does that has a batch of one prompt at a time. `passes` answers all rows
of a prompt together, one prompt after the other. All ways take turns over the same rows in one process, in float32.
Answers are compared over all rows.

`commands` compares one `python -m rpt.predict` over mixed rows with a command for each prompt, by CPU time. The peak
memory is that of the command over mixed rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import rpt
from benchmarks.backbones import small_bert
from benchmarks.command import ROOT, read_result, write_result
from benchmarks.costs import Cost, cost, summary
from rpt.console import say
from rpt.data.sources import sample_source
from rpt.predict.answers import AnswerLine, answer_lines
from rpt.predict.lines import placed
from rpt.predict.predictor import Predictor

PROMPTS = 8
BATCHES = (1, 2, 4, 8)
"""Numbers of rows in a batch of one prompt."""

ROWS_OF_COMMANDS = 400
"""Number of rows for which one command is compared with a command for each prompt."""

TRAINING = ("backbone.dtype=float32", "trainer.device=cpu", "data.max_rows=16", "trainer.epochs=1")

FOLDERS = {"wic": "WiC", "cb": "CB", "rte": "RTE"}
"""Folder of the sample rows of each task that can be measured."""

Row = dict[str, Any]


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=FOLDERS, default="wic", help="task of the rows (default: %(default)s)")
    parser.add_argument("--backbone", choices=("minilm", "small"), default="minilm", help="model that reads the rows")
    parser.add_argument("--rows", type=int, default=10_000, help="rows whose answers are compared")
    parser.add_argument("--timed", type=int, default=500, help="rows of each timed measurement")
    parser.add_argument("--times", type=int, default=5, help="timed measurements of each way")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folders = train(options.task, options.backbone, Path(folder))
        rows = make_rows(options.task, options.rows, [path.name for path in folders])
        predictor = Predictor([rpt.load(path) for path in folders])
        counts = (len(rows) // 10, len(rows) // 4, len(rows))
        result = {
            "prompts": PROMPTS,
            "rows": len(rows),
            "mean_tokens": mean_tokens(predictor, rows[: options.timed]),
            "timed_rows": options.timed,
            "times": options.times,
            "costs": costs(predictor, rows[: options.timed], options.times),
            "commands": cost_of_commands(Path(folder), folders, rows[:ROWS_OF_COMMANDS]),
            "largest_difference": largest_difference(predictor, rows),
            "peak_mib": {str(count): peak_memory(Path(folder), rows[:count]) for count in counts},
        }
    for key in ("commands", "largest_difference", "peak_mib"):
        say(f"{key}: {result[key]}")
    earlier = read_result("predict").get("tasks", {})
    write_result("predict", {"tasks": earlier | {f"{options.backbone}, {options.task}": result}})


def train(task: str, backbone: str, folder: Path) -> list[Path]:
    """Train a run for each prompt with few rows, and return the folders of the runs."""
    overrides = small_bert(folder / "backbone") if backbone == "small" else [f"backbone={backbone}"]
    options = [*overrides, *TRAINING, f"task={task}", "trainer.progress=false", f"output_dir={folder}/runs"]
    outcomes = rpt.train([rpt.compose([*options, f"seed={seed}"]) for seed in range(PROMPTS)])
    return [outcome.check().folder for outcome in outcomes]


def make_rows(task: str, count: int, names: Sequence[str]) -> list[Row]:
    """Repeat the sample rows of a task's validation split. Each row names a run, in a random order."""
    samples = [row for _, row in sample_source(FOLDERS[task], None).splits["val"]]
    order = random.Random(0)
    return [{**samples[number % len(samples)], "idx": number, "run": order.choice(names)} for number in range(count)]


def mean_tokens(predictor: Predictor, rows: Sequence[Row]) -> float:
    """Return the mean number of tokens of a text, without the prompt."""
    [group] = predictor.groups
    examples = list(group.task.examples([(f"row {row['idx']}", row) for row in rows]))
    lengths = group.encode(examples).lengths
    return sum(lengths) / len(lengths)


def mixed(predictor: Predictor, rows: Sequence[Row]) -> list[AnswerLine]:
    """Answer the rows of all prompts together."""
    return list(answer_lines(predictor, placed(rows)))


def apart(predictor: Predictor, rows: Sequence[Row], size: int) -> list[AnswerLine]:
    """Answer the rows of each prompt by themselves, in batches of `size` rows."""
    return [
        line
        for own in by_run(rows).values()
        for start in range(0, len(own), size)
        for line in answer_lines(predictor, placed(own[start : start + size]))
    ]


def by_run(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Group the rows by the run that they name."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["run"], []).append(row)
    return found


def costs(predictor: Predictor, rows: Sequence[Row], times: int) -> dict[str, dict[str, float]]:
    """Measure the cost of a row in each way, in turns, and the ratio of each way's cost to that of `mixed`."""
    ways = {"mixed": 0, "passes": len(rows)} | {f"apart {size}": size for size in BATCHES}
    rounds: dict[str, list[Cost]] = {name: [] for name in ways}

    def answer(size: int) -> None:
        apart(predictor, rows, size) if size else mixed(predictor, rows)

    for turn in range(times + 1):
        for name, size in ways.items():
            measured = cost(partial(answer, size), len(rows))
            if turn:  # the first turn fills the caches
                rounds[name].append(measured)
    found = {}
    for name in ways:
        times_of_mixed = summary(rounds[name], rounds["mixed"])
        row = summary(rounds["mixed"], rounds[name])
        found[name] = row | {key: times_of_mixed[key] for key in ("cpu_ratio", "wall_ratio")}
        say(f"{name:8}  " + "  ".join(f"{key} {value:.4f}" for key, value in found[name].items()))
    return found


def cost_of_commands(folder: Path, runs: Sequence[Path], rows: Sequence[Row]) -> dict[str, float]:
    """Measure the CPU seconds of one command over mixed rows, and of a command for each prompt over its own rows."""

    def seconds(run: Path, chosen: Sequence[Row]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert start(folder, run, chosen).wait() == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    together = seconds(folder / "runs", rows)
    own = by_run(rows)
    each = sum(seconds(run, own[run.name]) for run in runs if run.name in own)
    return {"rows": len(rows), "mixed": together, "one for each prompt": each, "cpu_ratio": each / together}


def largest_difference(predictor: Predictor, rows: Sequence[Row]) -> float:
    """Compare the scores of all rows, mixed and prompt by prompt. Return the largest difference, in nats.

    Raises:
        AssertionError: An answer differs.
    """
    together = {line.values["idx"]: line.values for line in mixed(predictor, rows)}
    largest = 0.0
    for line in apart(predictor, rows, len(rows)):
        other = together[line.values["idx"]]
        pairs = zip(line.values["scores"], other["scores"], strict=True)
        largest = max(largest, *(abs(first - second) for first, second in pairs))
        assert line.values["run"] == other["run"]
        assert line.values["choice"] == other["choice"]
    return largest


def peak_memory(folder: Path, rows: Sequence[Row]) -> float:
    """Measure the peak memory of `python -m rpt.predict` over rows, in MiB."""
    process = start(folder, folder / "runs", rows)
    peak = 0
    while process.poll() is None:
        # wait4 would report at least the memory of this process, from which the command was forked.
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        peak = max(peak, int(found[1]) if found else 0)
        time.sleep(0.1)
    assert process.returncode == 0
    return peak / 1024


def start(folder: Path, runs: Path, rows: Sequence[Row]) -> subprocess.Popen[bytes]:
    """Start `python -m rpt.predict` over rows, whose files are written into a folder."""
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    output = folder / "answers.jsonl"
    command = [sys.executable, "-m", "rpt.predict", str(runs), "--input", str(path), "--output", str(output)]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
