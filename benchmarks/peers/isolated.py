"""Peak memory and start-up of a training implementation, in a process of its own.

    python -m benchmarks.peers.isolated WORK.json     # the command that `measure` starts

The process imports only what its implementation needs. Start-up is the time until the first training step has ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.stopwatch import peak_bytes

ROOT = Path(__file__).parents[2]


def measure(work: dict[str, Any]) -> dict[str, Any]:
    """Train with one implementation in a new process.

    Args:
        work: Key `way`, the name of the implementation (`rpt`, `peft` or `published`), and its arguments.

    Returns:
        `peak_bytes`: peak resident memory; `first_step_seconds`: wall time and CPU time from the start of the process
        to the end of its first step.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "work.json"
        path.write_text(json.dumps({**work, "scratch": folder}))
        command = [sys.executable, "-m", "benchmarks.peers.isolated", str(path)]
        started = time.time()
        done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(done.stdout + done.stderr)
        first_step, peak = json.loads(done.stdout.splitlines()[-1])
    first_step["wall"] -= started
    return {"peak_bytes": peak, "first_step_seconds": first_step}


def main() -> None:
    """Train with the implementation that a file describes, and print the time of its first step and its peak memory."""
    work = json.loads(Path(sys.argv[1]).read_text())
    first_step = {"rpt": _rpt, "peft": _peft, "published": _published}[work["way"]](work)
    sys.stdout.write(json.dumps([first_step, peak_bytes()]) + "\n")


def _rpt(work: dict[str, Any]) -> dict[str, float]:
    from benchmarks.peers.jobs import Job
    from benchmarks.peers.rpt_steps import RptSteps

    steps = RptSteps(Job(**work["job"]), Path(work["scratch"]), work["overrides"], work["size"])
    steps()
    steps.close()
    return steps.stopwatch.first_step


def _peft(work: dict[str, Any]) -> dict[str, float]:
    from benchmarks.peers.peft_steps import PeftSteps, Settings, quiet

    quiet()
    settings = Settings(**work["settings"])
    steps = PeftSteps(work["folder"], work["family"], work["rows"], work["num_labels"], settings)
    steps()
    return steps.stopwatch.first_step


def _published(work: dict[str, Any]) -> dict[str, float]:
    from benchmarks.peers.peft_steps import Settings, load, quiet
    from benchmarks.peers.published import PublishedSteps

    quiet()
    model = load(work["folder"], work["family"], work["num_labels"], Settings(dtype="float32"))
    PublishedSteps(work["family"], model, work["rows"], work["max_new_tokens"])()
    return {"wall": time.time(), "cpu": time.process_time()}


if __name__ == "__main__":
    main()
