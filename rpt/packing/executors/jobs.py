"""Jobs of submitit: what may be set of them, what they run, and what they leave."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from rpt.config import Section
from rpt.packing.executors.attend import Lost, Pack, must_not_repeat, train_in_worker
from rpt.packing.point import Result

if TYPE_CHECKING:
    from submitit.helpers import DelayedSubmission

Job = Any
"""A submitit.Job, whose class is another on each cluster."""

PLACE = "hydra.launcher.submitit"

MOST_REQUEUES = 1000
"""submitit's own limit on time-outs, out of the way: it would end a pack as a failure, and a pack only goes on."""

Parameters = Annotated[dict[str, Any], Field(default_factory=dict)]


class SubmititOptions(Section):
    """What `hydra.launcher.submitit` may hold."""

    cluster: Literal["auto", "local", "slurm"] = "auto"  # auto: slurm where there is an srun
    partition: str | None = None  # null: the cluster's default
    timeout: PositiveInt | None = None  # minutes a job, after which it is requeued; null: 60 on slurm, none on local
    gpus: NonNegativeInt | None = None  # a pack; null: none on slurm, one on a local machine that has any
    nodes: Annotated[int, Field(ge=1, le=1)] = 1  # a pack is one process
    cpus: PositiveInt | None = None  # a pack; also its number of threads
    mem: PositiveFloat | None = None  # GiB a pack, on slurm; without a GPU, packs are made to fit it
    array_parallelism: PositiveInt | None = None  # packs at once; null: slurm's queue decides; local: one, or one a GPU
    retries: NonNegativeInt = 2  # how often a pack whose worker died is handed in again
    slurm: Parameters  # more parameters of submitit's SlurmExecutor: qos, account, constraint, setup, ...

    @property
    def threads(self) -> dict[str, str]:
        """The variable that sets a worker's number of threads."""
        return {} if self.cpus is None else {"OMP_NUM_THREADS": str(self.cpus)}


class Work:
    """What a job runs; pickled into the job's folder, so it holds plain values only.

    Args:
        pack: The points.
        environment: Variables that hold for the worker alone, such as the GPU that it sees.
        ends_by_sigterm: Whether SIGTERM ends the worker, behind a checkpoint. Else submitit ignores it, because SLURM
            sends it as a warning.
    """

    def __init__(self, pack: Pack, environment: dict[str, str], *, ends_by_sigterm: bool = False) -> None:
        self.pack = pack
        self.environment = environment
        self.ends_by_sigterm = ends_by_sigterm

    def __call__(self) -> list[Result]:
        """Train the pack; called in the job."""
        os.environ.update(self.environment)
        if self.ends_by_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        return train_in_worker(self.pack)

    def checkpoint(self) -> DelayedSubmission:
        """Called by submitit before a preempted or timed-out job is requeued: the same pack goes on by itself."""
        from submitit.helpers import DelayedSubmission

        if must_not_repeat(self.pack):
            raise SystemExit("not requeued: rerun=true would train from the start again")
        return DelayedSubmission(self)


def results(job: Job) -> list[Result] | Lost:
    """What a job has left; `train_pack` raises nothing, so an error is one of the worker's environment."""
    if job.exception() is not None:
        return Lost("it raised an error", job.paths.stderr)
    found: list[Result] = job.result()
    return found
