"""Measurements and clocks of a training loop, for every implementation. This module imports no library of rpt."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
"""Clocks in seconds: wall time, and user and system time of all threads of this process.

CPU time is the fairer clock on a busy machine. It equals the wall time of one thread on an idle core.
"""


class Taken(NamedTuple):
    """Measurement of training steps.

    Attributes:
        seconds: Time from the beginning of the first step to the end of the last step, by each clock of `CLOCKS`.
        examples: Number of examples that the steps have trained on, summed over all runs of a pack.
        tokens: Number of tokens of prompts, texts and outputs of these examples, without padding.
    """

    seconds: dict[str, float]
    examples: int
    tokens: int

    def per_example(self, clock: str) -> float:
        """Return the seconds per example by a clock."""
        return self.seconds[clock] / self.examples


Steps = Callable[[], Taken]
"""Function that takes the training steps of an implementation once."""


class Stopwatch:
    """Times of the steps of one training.

    Attributes:
        seconds: Time from the last `begin` to the last `step_ends`, by each clock of `CLOCKS`.
        first_step: Time of the end of the first step: Unix time (`wall`) and CPU seconds of this process (`cpu`). Empty
            before that step.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.first_step: dict[str, float] = {}
        self._start = _now()

    def begin(self) -> None:
        """Note the beginning of the training loop."""
        self._start = _now()

    def step_ends(self) -> None:
        """Note the end of a step."""
        self.seconds = {clock: seconds - self._start[clock] for clock, seconds in _now().items()}
        if not self.first_step:
            self.first_step = {"wall": time.time(), "cpu": time.process_time()}


def _now() -> dict[str, float]:
    return {name: clock() for name, clock in CLOCKS.items()}


def peak_bytes() -> int:
    """Return the peak resident memory of this process in bytes, from Linux's own count.

    `resource.getrusage` would also count the memory of the process that started this process.
    """
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
