"""Recognise out-of-memory errors of torch and other libraries, and advise the user."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from safetensors import SafetensorError

from rpt.errors import RptError

TYPES = (torch.OutOfMemoryError, MemoryError)
"""Error types that always mean out of memory. Libraries usually raise C++'s `std::bad_alloc` as MemoryError."""

SPEAKING_TYPES = (RuntimeError, OSError, ImportError, SafetensorError)
"""Error types that mean out of memory if their message says so. torch raises most device errors as RuntimeError."""

WORDINGS = (
    "out of memory",  # CUDA, HIP, MPS and XPU allocators; `CUDA error: out of memory`; NCCL; cudaErrorMemoryAllocation
    "can't allocate memory",  # torch's CPU allocator
    "cannot allocate memory",  # message of the C library for ENOMEM, also inside Rust's errors
    "not enough memory",  # torch's CPU allocator on Windows and macOS
    "unable to allocate",  # numpy, and shared memory of torch
    "failed to allocate",
    "std::bad_alloc",
    "_status_alloc_failed",  # cuBLAS, cuDNN, cuSPARSE, cuSOLVER
    "cufft_alloc_failed",
    "cudaerrormemoryallocation",
)
"""Parts of messages that mean out of memory, in lower case."""


class OutOfMemory(RptError):
    """Memory ran out, and the forward passes cannot be made smaller."""


def is_out_of_memory(error: BaseException | None) -> bool:
    """Whether an error, or an error in its chain of causes, means that memory of a GPU or the CPU has run out."""
    while error is not None:
        if isinstance(error, (OutOfMemory, *TYPES)) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
            return True
        if isinstance(error, SPEAKING_TYPES) and any(wording in str(error).lower() for wording in WORDINGS):
            return True
        error = error.__cause__
    return False


@contextmanager
def enough_memory(num_runs: int) -> Iterator[None]:
    """Turn an out-of-memory error of the block into an error with advice.

    Args:
        num_runs: Number of runs that are trained in the block.

    Raises:
        OutOfMemory: Memory has run out.
    """
    try:
        yield
    except OutOfMemory:
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        advice = "Free some memory, then run the same command again: it continues."
        if num_runs > 1:  # a pack that has a checkpoint cannot be made smaller
            smaller = f"hydra.launcher.pack_size={num_runs // 2}"
            advice = f"{advice} Before its first checkpoint a pack can be made smaller: {smaller}."
        raise OutOfMemory(f"out of memory ({reason}). {advice}") from error
