"""Run a whole command for a benchmark and read the records that it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from rpt.console import say
from rpt.tracking.environment import environment

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def run(*arguments: str, **variables: str) -> None:
    """Run `python run.py ARGUMENTS` without output, with these environment variables. A failure ends the benchmark."""
    command = [sys.executable, "run.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)


def records(folder: Path, count: int) -> list[dict[str, Any]]:
    """Read the records of the runs in a folder, which must all be finished, ordered by seed and name."""
    contents = [json.loads(path.read_text()) for path in folder.glob("*/run.json")]
    assert len(contents) == count
    assert all(record["status"] == "finished" for record in contents)
    return sorted(contents, key=lambda record: (record["config"]["seed"], record["name"]))


def read_result(name: str) -> dict[str, Any]:
    """Return the content of an earlier measurement's result file, which is empty if there is no file."""
    path = RESULTS / f"{name}.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return result


def write_result(name: str, result: dict[str, Any], device: str = "cpu", folder: Path = RESULTS) -> None:
    """Write a measurement and the description of its machine to a folder."""
    path = folder / f"{name}.json"
    facts = environment(torch.device(device)).model_dump(mode="json")
    path.write_text(json.dumps({"environment": facts, **result}, indent=2) + "\n")
    say(str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path))
