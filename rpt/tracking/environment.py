"""Collect the environment of a run for its record: versions, machine and code."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from rpt.tracking.record_sections import EnvironmentFacts, GitState

CLEAR_PEAK, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
"""Files of Linux. Writing "5" to `CLEAR_PEAK` resets the peak memory in `STATUS` (VmHWM) to the present memory."""

PACKAGES = ("rpt", "torch", "lightning", "transformers", "hydra-core", "torchmetrics", "numpy")


def environment(device: torch.device, *, forwards: str = "own", devices: int = 1) -> EnvironmentFacts:
    """Collect the facts about machine, versions and code for the record.

    Args:
        device: Device that trains the run.
        forwards: `shared` if a forward pass may hold rows of several runs; `own` otherwise.
        devices: Number of devices that train the run together.
    """
    return EnvironmentFacts(
        python=platform.python_version(),
        packages={name: version(name) for name in PACKAGES},
        git=git_state(Path(__file__).parent),
        platform=platform.platform(),
        bits={**bits(device), "forwards": forwards, "devices": devices},
    )


def bits(device: torch.device) -> dict[str, Any]:
    """Collect the facts that two trainings of the same identity must share to have bitwise equal results."""
    is_cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if is_cuda else cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


def cpu_name() -> str:
    """Return the name of the processor."""
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def git_state(folder: Path) -> GitState | None:
    """Return the commit of a checkout and whether files differ from it; None outside a checkout of rpt."""

    def git(*arguments: str) -> str | None:
        # git must not lock the index: a lock that is left behind on a full disk would block every later commit.
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    is_ours = git("ls-files", "--error-unmatch", str(Path(__file__))) is not None
    if commit is None or not is_ours:  # e.g. installed in an environment inside another repository
        return None
    return GitState(commit=commit, dirty=bool(git("status", "--porcelain", "--untracked-files=no")))


def forget_peak_memory(device: torch.device) -> None:
    """Reset the peak memory, if the system can, so that it does not include earlier runs of a sweep."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif CLEAR_PEAK.exists():
        with suppress(OSError):  # some containers refuse; the peak then includes earlier runs
            CLEAR_PEAK.write_text("5")


def peak_memory_bytes(device: torch.device) -> int:
    """Return the peak memory in bytes since the last reset: allocated memory of a GPU, or resident memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = STATUS.read_text().splitlines() if STATUS.exists() else []
    for line in status:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
