"""Jobs of submitit: their options, the function that they run, and their results."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from rpt.config.schema import Section
from rpt.sweep.executors.workers import LostWorker, Pack, must_not_repeat, train_in_worker
from rpt.sweep.point import Result

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

Job = Any
"""A submitit.Job; its class depends on the cluster."""

OPTIONS_KEY = "hydra.launcher.submitit"
"""Key of the executor's options in the configuration, for messages."""

MOST_REQUEUES = 1000
"""Number of time-outs after which submitit marks a job as failed. It is high, so that no job is given up."""

Parameters = Annotated[dict[str, Any], Field(default_factory=dict)]


class SubmititOptions(Section):
    """Options of the submitit executor, `hydra.launcher.submitit.KEY` on the command line."""

    cluster: Literal["auto", "local", "slurm"] = "auto"  # auto: slurm if srun is installed, else local
    partition: str | None = None  # SLURM partition; null: the cluster's default
    timeout: PositiveInt | None = None  # minutes until a job is requeued; null: 60 on slurm, no limit on local
    gpus: NonNegativeInt | None = None  # GPUs of a pack; null: none on slurm; on local, one if the machine has any
    nodes: Annotated[int, Field(ge=1, le=1)] = 1  # always 1, because a pack is one process
    cpus: PositiveInt | None = None  # CPUs of a pack and number of its threads; null: not set
    mem: PositiveFloat | None = None  # GiB of memory of a pack on slurm; limits the size of packs without a GPU
    array_parallelism: PositiveInt | None = None  # packs at once; null: slurm decides; local: 1, or one for each GPU
    retries: NonNegativeInt = 2  # number of times that the pack of a lost worker is submitted again
    slurm: Parameters  # other parameters of submitit's SlurmExecutor: qos, account, constraint, setup, ...

    @property
    def threads(self) -> dict[str, str]:
        """Environment variable that sets a worker's number of threads; empty if `cpus` is not set."""
        return {} if self.cpus is None else {"OMP_NUM_THREADS": str(self.cpus)}


class PackTraining:
    """Callable object that trains a pack in a job. submitit pickles it, so it holds plain values only.

    Args:
        pack: Points of the pack.
        environment: Environment variables of the worker, such as CUDA_VISIBLE_DEVICES.
        ends_by_sigterm: Whether SIGTERM ends the worker after it has written a checkpoint. If False, submitit's handler
            ignores SIGTERM, because SLURM sends it as a warning.
    """

    def __init__(self, pack: Pack, environment: dict[str, str], *, ends_by_sigterm: bool = False) -> None:
        self.pack = pack
        self.environment = environment
        self.ends_by_sigterm = ends_by_sigterm

    def __call__(self) -> list[Result]:
        """Train the pack; submitit calls this in the job's process."""
        os.environ.update(self.environment)
        if self.ends_by_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return train_in_worker(self.pack)

    def checkpoint(self) -> DelayedSubmission:
        """Return the same work for a requeued job; submitit calls this when a job is preempted or has timed out."""
        from submitit.helpers import DelayedSubmission

        if must_not_repeat(self.pack):
            raise SystemExit("not requeued: rerun=true would train from the start again")
        return DelayedSubmission(self)


def results(job: Job) -> list[Result] | LostWorker:
    """Return the results of an ended job. An error of the job counts as a lost worker, as `train_pack` raises none."""
    if job.exception() is not None:
        return LostWorker("it raised an error", job.paths.stderr)
    answer: list[Result] = job.result()
    return answer
