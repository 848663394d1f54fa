"""Recognise an error that says that memory has run out, and tell the user what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from rpt.errors import RptError

TYPES = (torch.OutOfMemoryError, MemoryError)
"""Error types that always mean it. A failed `new` of C++ (`std::bad_alloc`) mostly arrives as a MemoryError."""

SPEAKING_TYPES = (RuntimeError, OSError, ImportError, SafetensorError)
"""Error types that mean it where their text says so; torch raises most errors of a device as a RuntimeError."""

WORDINGS = (
    "out of memory",  # CUDA, HIP, MPS and XPU allocators; `CUDA error: out of memory`; NCCL; cudaErrorMemoryAllocation
    "can't allocate memory",  # torch's CPU allocator
    "cannot allocate memory",  # ENOMEM in the words of the C library, also inside Rust's errors
    "not enough memory",  # torch's CPU allocator on Windows and macOS
    "unable to allocate",  # numpy, and shared memory of torch
    "failed to allocate",
    "std::bad_alloc",
    "_status_alloc_failed",  # cuBLAS, cuDNN, cuSPARSE, cuSOLVER
    "cufft_alloc_failed",
    "cudaerrormemoryallocation",
)
"""Parts of a text that mean it, in lower case."""


class OutOfMemory(RptError):
    """Memory ran out where nothing can be cut any smaller."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or the error that it was raised from, says that memory has run out, on a GPU or on the CPU."""
    while error is not None:
        if isinstance(error, (OutOfMemory, *TYPES)) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, SPEAKING_TYPES) and any(wording in str(error).lower() for wording in WORDINGS):
            return True
        error = error.__cause__
    return False


@contextmanager
def enough_memory(num_runs: int) -> Iterator[None]:
    """Say what to do where the memory does not suffice for the runs that are trained inside the block.

    Raises:
        OutOfMemory: It does not.
    """
    try:
        yield
    except OutOfMemory:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        advice = "Free some memory, then run the same command again: it goes on."
        if num_runs > 1:  # later it goes on whole
            smaller = f"hydra.launcher.pack_size={num_runs // 2}"
            advice = f"{advice} Before its first checkpoint a pack can be made smaller: {smaller}."
        raise OutOfMemory(f"out of memory ({reason}). {advice}") from error
