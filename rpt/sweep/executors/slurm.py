"""Workers on a SLURM cluster: jobs of a job array, submitted by submitit's SLURM executor."""

from __future__ import annotations

import getpass
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rpt.config.near_miss import near_miss
from rpt.errors import Problem
from rpt.sweep.executors.jobs import MOST_REQUEUES, OPTIONS_KEY, Job, PackTraining, SubmititOptions, results
from rpt.sweep.executors.workers import ClusterError, LostWorker, Pack
from rpt.sweep.point import Result

DEFAULT_MINUTES = 60
"""Time limit of a job without `timeout`."""

SQUEUE_SECONDS = 5.0
"""Seconds between two calls of `squeue`, to keep the load on the cluster low."""

SETTLE_SECONDS = 15.0
"""Seconds after a job has left the queue in which its result must appear on the shared file system."""

SET_BY_RPT = frozenset(
    [
        "job_name",
        "partition",
        "time",
        "nodes",
        "gpus_per_node",
        "cpus_per_task",
        "mem",
        "array_parallelism",
        "map_count",
    ]
)
"""Parameters of submitit that rpt's own options set."""


class SlurmWorkers:
    """Trains each pack as a SLURM job; all jobs form one job array.

    The state of a job comes from `squeue`. submitit would call `sacct`, which clusters without accounting do not have.

    Args:
        folder: Folder for the jobs' files and logs, on a file system that the nodes share.
        options: Options of all jobs.
    """

    at_once = None
    """Limit on the number of packs in the queue: None, because SLURM decides which jobs run."""

    def __init__(self, folder: Path, options: SubmititOptions) -> None:
        from submitit import SlurmExecutor

        self._executor = SlurmExecutor(folder, max_num_timeout=MOST_REQUEUES)
        self._executor.update_parameters(**_parameters(options))
        self._threads = options.threads
        self._open: dict[Job, None] = {}
        self._queued: set[str] = set()
        self._last_call = float("-inf")
        self._missed: dict[str, float] = {}

    def submit(self, packs: Sequence[Pack]) -> list[Job]:
        """Queue one job array with a job for each pack.

        Raises:
            ClusterError: `sbatch` refuses the jobs; the error quotes its message.
        """
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            with self._executor.batch():
                jobs: list[Job] = [self._executor.submit(PackTraining(pack, self._threads)) for pack in packs]
        except (FailedJobError, FailedSubmissionError) as error:
            reason = str(error).strip().splitlines()[-1].removeprefix("sbatch: error: ").rstrip(".")
            raise ClusterError(f"sbatch refuses the jobs: {reason}. Change the options of {OPTIONS_KEY}.") from error
        self._open |= dict.fromkeys(jobs)
        self._queued |= {job.job_id for job in jobs}
        self._last_call = time.monotonic()
        return jobs

    def poll(self, job: Job) -> list[Result] | LostWorker | None:
        """Return the results, or `LostWorker` if the job left the queue without any; None while it waits or trains."""
        answer = self._answer(job)
        if answer is not None:
            del self._open[job]
        return answer

    def close(self) -> None:
        """Print the jobs that stay in SLURM's queue when this process stops."""
        if self._open:
            names = " ".join(job.job_id for job in self._open)
            sys.stderr.write(f"the jobs stay in SLURM's queue; to cancel them: scancel {names}\n")

    def _answer(self, job: Job) -> list[Result] | LostWorker | None:
        if job.paths.result_pickle.exists():
            return results(job)
        if job.job_id in self._queue():
            self._missed.pop(job.job_id, None)
            return None
        missing_since = self._missed.setdefault(job.job_id, time.monotonic())
        if time.monotonic() - missing_since < SETTLE_SECONDS:
            return None
        return LostWorker(f"SLURM job {job.job_id}{_ending(job.job_id)}", job.paths.stderr)

    def _queue(self) -> set[str]:
        """Return the ids of the user's jobs in the queue, cached for `SQUEUE_SECONDS` and while `squeue` fails."""
        if time.monotonic() - self._last_call >= SQUEUE_SECONDS:
            command = ["squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                self._queued = set(done.stdout.split())
            self._last_call = time.monotonic()
        return self._queued


def _ending(job_id: str) -> str:
    """Describe how a job ended, from `scontrol`, which keeps the data of ended jobs for a limited time only."""
    done = subprocess.run(["scontrol", "show", "job", job_id], capture_output=True, text=True, check=False)
    facts = dict(field.split("=", 1) for field in done.stdout.split() if "=" in field)
    if "JobState" not in facts:
        return " ended"
    return f": {facts['JobState']}, exit code and signal {facts.get('ExitCode', 'unknown')}"


def _parameters(options: SubmititOptions) -> dict[str, Any]:
    """Convert the options to parameters of submitit's SlurmExecutor. Options that are null are left out."""
    parameters = {
        "job_name": "rpt",
        "partition": options.partition,
        "time": options.timeout or DEFAULT_MINUTES,
        "nodes": options.nodes,
        "gpus_per_node": options.gpus or None,
        "cpus_per_task": options.cpus,
        "mem": None if options.mem is None else f"{round(options.mem * 1024)}M",
        "array_parallelism": options.array_parallelism,
    }
    return {name: value for name, value in parameters.items() if value is not None} | options.slurm


def wrong_parameters(options: SubmititOptions) -> Iterator[Problem]:
    """Yield a problem for each parameter in `slurm` that submitit does not know or that an option of rpt sets."""
    from submitit import SlurmExecutor

    free = SlurmExecutor._valid_parameters() - SET_BY_RPT
    for name, value in options.slurm.items():
        if name not in free:
            advice = f"no such key here. {near_miss(name, free, 'There are')}"
            yield Problem(
                f"{OPTIONS_KEY}.slurm.{name}",
                value,
                f"{advice} Set other options of sbatch in additional_parameters.",
            )
