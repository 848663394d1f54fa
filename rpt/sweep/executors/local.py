"""Workers on this machine: processes of submitit's local executor, distributed over the GPUs."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rpt.errors import ConfigError
from rpt.sweep.executors.jobs import MOST_REQUEUES, PLACE, Job, SubmititOptions, Work, results
from rpt.sweep.executors.workers import Lost, Pack
from rpt.sweep.point import Result
from rpt.system.interruption import GRACE_SECONDS

FOREVER_MINUTES = 60 * 24 * 365


class Machine:
    """Trains each pack in a process, which survives the death of the controller.

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
        devices = shares(visible_gpus(), options.gpus)
        self.at_once = options.array_parallelism or len(devices)
        self._free = [devices[number % len(devices)] for number in range(self.at_once)]  # workers may share a GPU
        self._taken: dict[Job, str] = {}

    def hand_in(self, packs: Sequence[Pack]) -> list[Job]:
        """Start a process for each pack, on an unused GPU if there are enough GPUs."""
        return [self._start(pack) for pack in packs]

    def _start(self, pack: Pack) -> Job:
        gpus = self._free.pop(0)
        work = Work(pack, {"CUDA_VISIBLE_DEVICES": gpus, **self._threads}, ends_by_sigterm=True)
        with _deaf_to_ctrl_c():
            job = self._executor.submit(work)
        self._taken[job] = gpus
        return job

    def ask(self, job: Job) -> list[Result] | Lost | None:
        """Return the results, or that the process ended without results; None while it lives."""
        if not job.done():  # checks only whether the process lives, and reaps it if not
            return None
        self._free.append(self._taken.pop(job))
        return results(job) if job.paths.result_pickle.exists() else Lost("its process ended", job.paths.stderr)

    def leave(self) -> None:
        """Stop the processes that still train, and wait until they have written their checkpoints."""
        deadline = time.monotonic() + GRACE_SECONDS + 5.0
        _ask_to_end(self._taken)
        try:
            while any(not job.done() for job in self._taken) and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:  # a second Ctrl-C may have ended the waiting; a second SIGTERM ends a worker at once
            _ask_to_end(job for job in self._taken if not job.done())


def _ask_to_end(jobs: Iterable[Job]) -> None:
    """Send SIGTERM to submitit's supervising process of each worker, which passes it on."""
    for job in jobs:
        with suppress(ProcessLookupError):
            os.kill(int(job.job_id), signal.SIGTERM)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Make processes that are started in this context ignore Ctrl-C.

    A terminal sends Ctrl-C to all processes, but the controller must end the workers by SIGTERM.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def shares(gpus: Sequence[str], wanted: int | None) -> list[str]:
    """Divide the GPUs among workers: one value of CUDA_VISIBLE_DEVICES a worker, or one empty value without GPUs.

    Args:
        gpus: Names of the machine's GPUs.
        wanted: Number of GPUs of a worker; None for one, if the machine has any.

    Raises:
        ConfigError: The machine has fewer GPUs than one worker needs.
    """
    if len(gpus) < (wanted or 0):
        raise ConfigError.of(f"{PLACE}.gpus", wanted, f"this machine has {len(gpus)}. Set it to that or less.")
    width = wanted or 1
    whole = range(0, 0 if wanted == 0 else len(gpus) - width + 1, width)
    return [",".join(gpus[at : at + width]) for at in whole] or [""]


def visible_gpus() -> list[str]:
    """List the GPUs that this process may use, by their names in CUDA_VISIBLE_DEVICES."""
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[:count] if named else [str(number) for number in range(count)]
