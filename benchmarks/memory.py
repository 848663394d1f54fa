"""Peak memory of a pack of 64 runs against that of a run alone, each in a process of its own.

    python -m benchmarks.memory                         # CB sample, MiniLM, residual; two minutes on two cores

A forward holds at most `trainer.token_budget` tokens whatever the number of runs; what grows with it is what a run
owns: prompt, encoder, head, their gradients, optimizer state and best copy.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.command import keep, records, run
from rpt.console import say

SIZES = (1, 8, 64)
MIB = 2**20


def main() -> None:
    """Measure, print and keep."""
    peaks = {size: peak(size) for size in SIZES}
    for size, found in peaks.items():
        say(f"{size:3} runs: peak {found / MIB:6.0f} MiB, {found / peaks[1]:.2f} of one run's")
    keep("memory", {"peak_bytes": peaks})


def peak(size: int) -> int:
    """Peak resident memory of one pack's process, in bytes, as its runs' records have it."""
    with tempfile.TemporaryDirectory() as folder:
        few = ("trainer.epochs=1", "data.max_rows=64")
        run("-m", "hydra/launcher=packed", *few, f"seed=range({size})", f"output_dir={folder}")
        found = records(Path(folder), size)
    assert {record["pack"]["size"] for record in found} == {size}
    return max(int(record["peak_memory_bytes"]) for record in found)


if __name__ == "__main__":
    main()
