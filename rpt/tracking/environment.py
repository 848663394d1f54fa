"""On what a run was made: versions, machine, code. Bits repeat only where these agree."""

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

CLEAR_PEAK, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
"""Linux's own: writing "5" to the first sets the peak in the second (VmHWM) back to what is resident now."""

PACKAGES = ("rpt", "torch", "lightning", "transformers", "hydra-core", "torchmetrics", "numpy")


def environment(device: torch.device) -> dict[str, Any]:
    """What the record says of the machine and the code."""
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "git": git_state(Path(__file__).parent),
        "platform": platform.platform(),
        "bits": bits(device),
    }


def bits(device: torch.device) -> dict[str, Any]:
    """What must agree for two trainings to agree to the last bit, beside their identity."""
    is_cuda = device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if is_cuda else cpu_name(),
        "threads": torch.get_num_threads(),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }


def cpu_name() -> str:
    """The processor's name."""
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and whether files differ from it; None outside a checkout."""

    def git(*arguments: str) -> str | None:
        # Without a lock of the index: one whose writer dies on a full disk would stay, and stop every later commit.
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    is_ours = git("ls-files", "--error-unmatch", str(Path(__file__))) is not None
    if commit is None or not is_ours:  # installed into an environment that lies in somebody's repository
        return None
    return {"commit": commit, "dirty": bool(git("status", "--porcelain", "--untracked-files=no"))}


def forget_peak_memory(device: torch.device) -> None:
    """Start the peak anew, so that a run of a sweep is not charged with those before it, where the system can."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif CLEAR_PEAK.exists():
        with suppress(OSError):  # refused in some containers; the peak is then the process's
            CLEAR_PEAK.write_text("5")


def peak_memory_bytes(device: torch.device) -> int:
    """Most memory that was in use since the peak was last forgotten: of the GPU where one is used, else resident."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    status = STATUS.read_text().splitlines() if STATUS.exists() else []
    for line in status:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
