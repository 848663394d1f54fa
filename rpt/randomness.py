"""What bits depend on: a run's own stream of random numbers, and kernels that repeat theirs."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class RandomStream:
    """Torch's global generators, as one run sees them.

    Layers draw their initial weights and their dropout from the global generators. Inside `active()` these hold
    this run's state, outside they are as if the run had never drawn: so what a run draws depends on its seed
    alone, however many runs share a pack.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self._device = device if device.type == "cuda" else None
        with _restored(self._device):
            torch.manual_seed(_spread(seed))
            self._cpu, self._cuda = _states(self._device)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Draw from this run's stream inside the block."""
        with _restored(self._device):
            _set(self._cpu, self._cuda, self._device)
            yield
            self._cpu, self._cuda = _states(self._device)

    def state(self) -> dict[str, Tensor | None]:
        """The stream's position, as tensors."""
        return {"cpu": self._cpu, "cuda": self._cuda}

    def restore(self, state: dict[str, Tensor | None]) -> None:
        """Go back to a position; that of a GPU is kept only where there is one again."""
        cpu, cuda = state["cpu"], state["cuda"]
        assert cpu is not None
        self._cpu = cpu
        self._cuda = cuda if cuda is not None else self._cuda


def repeatable_kernels() -> None:
    """On a GPU: kernels that give the same bits each time, wherever one of that kind exists."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what cuBLAS asks for to repeat its sums
    torch.use_deterministic_algorithms(True, warn_only=True)
    for fused in ("flash", "mem_efficient", "cudnn"):  # attention whose backward adds up in any order
        getattr(torch.backends.cuda, f"enable_{fused}_sdp")(False)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a kernel an allocation


def _spread(seed: int) -> int:
    """A seed for the stream alone: a generator seeded with the bare number (an init's) draws other numbers."""
    return int.from_bytes(hashlib.sha256(f"stream {seed}".encode()).digest()[:7])


@contextmanager
def _restored(device: torch.device | None) -> Iterator[None]:
    cpu, cuda = _states(device)
    try:
        yield
    finally:
        _set(cpu, cuda, device)


def _states(device: torch.device | None) -> tuple[Tensor, Tensor | None]:
    return torch.get_rng_state(), torch.cuda.get_rng_state(device) if device is not None else None


def _set(cpu: Tensor, cuda: Tensor | None, device: torch.device | None) -> None:
    torch.set_rng_state(cpu)
    if device is not None and cuda is not None:
        torch.cuda.set_rng_state(cuda, device)
