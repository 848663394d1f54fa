"""Seconds and memory of a report over 63 and over 1,000 runs, and how much of it is start-up.

    python -m benchmarks.report                         # two minutes on two cores, most of them to make the runs up

The run folders have the true schema and made-up answers (`tests/support/report_fixture.py`): 25 rates, 4 encoders,
10 seeds.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.command import ROOT, keep
from rpt.console import say
from tests.support.report_fixture import METHODS, RATES, write_study

ROWS = 256
MANY_RATES = tuple(float(f"{10 ** (-3.5 + at / 6):.3g}") for at in range(25))


def main() -> None:
    """Measure, print and keep."""
    table = {}
    for rates, seeds in ((RATES, range(3)), (MANY_RATES, range(10))):
        with tempfile.TemporaryDirectory() as folder:
            study = write_study(Path(folder) / "study", rates=rates, seeds=tuple(seeds), rows=ROWS)
            count = len(METHODS) * len(rates) * len(seeds) + len(seeds)
            table[str(count)] = {"seconds": seconds_of("rpt.report", str(study)), "peak_bytes": peak_of_children()}
    table["start-up"] = {"seconds": seconds_of("rpt.report", "--help"), "peak_bytes": 0}
    for name, found in table.items():
        say(f"{name:>9} runs {found['seconds']:7.1f} s   peak {found['peak_bytes'] / 2**20:6.0f} MiB")
    keep("report", {"rows": ROWS, "table": table})


def seconds_of(*command: str) -> float:
    """By the clock, of `python -m COMMAND`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def peak_of_children() -> int:
    """Most resident memory of any child so far; the reports come in ascending size."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


if __name__ == "__main__":
    main()
