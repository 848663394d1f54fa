"""Measure the peak memory of packs of 1, 8 and 64 runs, each pack in a process of its own.

    python -m benchmarks.memory                         # CB sample, MiniLM, residual; two minutes on two cores

A forward pass holds at most `trainer.token_budget` tokens, whatever the number of runs. Memory that grows with the
number of runs is the state of each run: prompt, encoder, head, gradients, optimizer state and the best checkpoint.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.command import records, run, write_result
from rpt.console import say

SIZES = (1, 8, 64)
MIB = 2**20


def main() -> None:
    """Measure the peaks, print them, and write them to `benchmarks/results/`."""
    peaks = {size: peak(size) for size in SIZES}
    for size, peak_bytes in peaks.items():
        say(f"{size:3} runs: peak {peak_bytes / MIB:6.0f} MiB, {peak_bytes / peaks[1]:.2f} of the peak of one run")
    write_result("memory", {"peak_bytes": peaks})


def peak(size: int) -> int:
    """Train a pack in a new process, and return the peak resident memory in bytes from the records of its runs."""
    with tempfile.TemporaryDirectory() as folder:
        few = ("trainer.epochs=1", "data.max_rows=64")
        run("-m", "hydra/launcher=packed", *few, f"seed=range({size})", f"output_dir={folder}")
        run_records = records(Path(folder), size)
    assert {record["pack"]["size"] for record in run_records} == {size}
    return max(int(record["peak_memory_bytes"]) for record in run_records)


if __name__ == "__main__":
    main()
