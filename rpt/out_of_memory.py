"""Memory that has run out: how such an error is known, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from rpt.errors import RptError


class OutOfMemory(RptError):
    """Memory ran out where nothing can be cut any smaller."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory has run out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


@contextmanager
def enough_memory(num_runs: int) -> Iterator[None]:
    """Say what to do where the memory does not suffice for the runs that are trained inside the block.

    Raises:
        OutOfMemory: It does not.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        advice = "Free some memory, then run the same command again: it goes on."
        if num_runs > 1:  # later it goes on whole
            smaller = f"hydra.launcher.pack_size={num_runs // 2}"
            advice = f"{advice} Before its first checkpoint a pack can be made smaller: {smaller}."
        raise OutOfMemory(f"out of memory ({reason}). {advice}") from error
