"""Reproducibility to the last bit: a random stream for each run, and deterministic GPU kernels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class RandomStream:
    """Random stream of one run: states of torch's global generators that only this run uses.

    Layers draw their initial weights and their dropout from the global generators. Inside `active()` the generators
    hold this run's state. Outside, they are as if the run had drawn nothing. The random numbers of a run therefore
    depend only on its seed, however many runs share a pack.

    Args:
        seed: Seed of the run.
        device: Device of the run; on a GPU the stream includes the GPU's generator.
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
        """Return the states of the generators, as tensors; `cuda` is None on a CPU."""
        return {"cpu": self._cpu, "cuda": self._cuda}

    def restore(self, state: dict[str, Tensor | None]) -> None:
        """Restore the states of the generators. A state without `cuda` leaves the GPU's generator unchanged."""
        cpu, cuda = state["cpu"], state["cuda"]
        assert cpu is not None
        self._cpu = cpu
        self._cuda = cuda if cuda is not None else self._cuda


def repeatable_kernels() -> None:
    """Choose GPU kernels that return the same bits each time, wherever torch has such a kernel."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it for sums in a fixed order
    torch.use_deterministic_algorithms(True, warn_only=True)
    for fused in ("flash", "mem_efficient", "cudnn"):  # their backward passes sum in no fixed order
        getattr(torch.backends.cuda, f"enable_{fused}_sdp")(False)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # saves a kernel for each allocation


@contextmanager
def determinism_restored() -> Iterator[None]:
    """Restore torch's choice of kernels after the block, in which Lightning's option `deterministic` may change it."""
    enabled, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)


def _spread(seed: int) -> int:
    """Derive the stream's seed from the run's seed, so that other generators with the run's seed draw other numbers."""
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
