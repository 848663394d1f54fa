"""Workers on this machine: processes of submitit's local executor, distributed over the GPUs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rpt.console import several
from rpt.errors import ConfigError
from rpt.sweep.executors.jobs import MOST_REQUEUES, OPTIONS_KEY, Job, PackTraining, SubmititOptions, results
from rpt.sweep.executors.workers import LostWorker, Pack
from rpt.sweep.point import Result
from rpt.system.interruption import GRACE_SECONDS

FOREVER_MINUTES = 60 * 24 * 365
"""Time limit of a job without `timeout`: a year. submitit needs a number."""


class LocalWorkers:
    """Worker processes on this machine. Each trains one pack, and continues if the sweep's own process is killed.

    Args:
        folder: Folder for the jobs' files and logs.
        options: Options of all jobs.

    Raises:
        ConfigError: The machine has fewer GPUs than one pack needs.
    """

    def __init__(self, folder: Path, options: SubmititOptions) -> None:
        from submitit import LocalExecutor

        self._executor = LocalExecutor(folder, max_num_timeout=MOST_REQUEUES)
        self._executor.update_parameters(timeout_min=options.timeout or FOREVER_MINUTES)
        self._threads = options.threads
        devices = gpu_shares(visible_gpus(), options.gpus)
        self.at_once = options.array_parallelism or len(devices)
        self._free = [devices[number % len(devices)] for number in range(self.at_once)]  # workers may share a GPU
        self._gpus: dict[Job, str] = {}

    def submit(self, packs: Sequence[Pack]) -> list[Job]:
        """Start a process for each pack, on an unused GPU if there are enough GPUs."""
        return [self._start(pack) for pack in packs]

    def _start(self, pack: Pack) -> Job:
        gpus = self._free.pop(0)
        training = PackTraining(pack, {"CUDA_VISIBLE_DEVICES": gpus, **self._threads}, ends_by_sigterm=True)
        with _ignoring_ctrl_c():
            job = self._executor.submit(training)
        self._gpus[job] = gpus
        return job

    def poll(self, job: Job) -> list[Result] | LostWorker | None:
        """Return the results, or `LostWorker` if the process has ended without results; None while it is running."""
        if not job.done():  # checks only whether the process runs, and collects its exit status if not
            return None
        self._free.append(self._gpus.pop(job))
        return results(job) if job.paths.result_pickle.exists() else LostWorker("its process ended", job.paths.stderr)

    def close(self) -> None:
        """Stop the processes that still train, and wait until they have written their checkpoints."""
        deadline = time.monotonic() + GRACE_SECONDS + 5.0
        _send_sigterm(self._gpus)
        try:
            while any(not job.done() for job in self._gpus) and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:  # a second Ctrl-C may have ended the waiting; a second SIGTERM ends a worker at once
            _send_sigterm(job for job in self._gpus if not job.done())


def _send_sigterm(jobs: Iterable[Job]) -> None:
    """Send SIGTERM to submitit's supervisor of each worker, which passes the signal to the worker."""
    for job in jobs:
        with suppress(ProcessLookupError):
            os.kill(int(job.job_id), signal.SIGTERM)


@contextmanager
def _ignoring_ctrl_c() -> Iterator[None]:
    """Make processes that are started in the block ignore Ctrl-C.

    A terminal sends Ctrl-C to all processes, but the process of the sweep must end the workers by SIGTERM.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def gpu_shares(gpus: Sequence[str], per_worker: int | None) -> list[str]:
    """Divide the GPUs among workers, and return the value of CUDA_VISIBLE_DEVICES for each worker.

    Without GPUs, the list has a single empty value.

    Args:
        gpus: Names of the machine's GPUs.
        per_worker: Number of GPUs of a worker; None for one GPU, or no GPU if the machine has none.

    Raises:
        ConfigError: The machine has fewer GPUs than one worker needs.
    """
    if len(gpus) < (per_worker or 0):
        advice = f"this machine has {several(len(gpus), 'GPU')}. Set it to {len(gpus)} or less."
        raise ConfigError.of(f"{OPTIONS_KEY}.gpus", per_worker, advice)
    size = per_worker or 1
    starts = range(0, 0 if per_worker == 0 else len(gpus) - size + 1, size)
    return [",".join(gpus[start : start + size]) for start in starts] or [""]


def visible_gpus() -> list[str]:
    """List the GPUs that this process may use, by their names in CUDA_VISIBLE_DEVICES."""
    import torch

    count = torch.cuda.device_count()
    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    return names.split(",")[:count] if names else [str(number) for number in range(count)]
