"""Workers of a SLURM cluster: jobs of an array, by submitit's SLURM executor."""

from __future__ import annotations

import getpass
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rpt.errors import Problem
from rpt.near_miss import near_miss
from rpt.packing.executors.attend import ClusterError, Lost, Pack
from rpt.packing.executors.jobs import MOST_REQUEUES, PLACE, Job, SubmititOptions, Work, results
from rpt.packing.point import Result

DEFAULT_MINUTES = 60
SQUEUE_SECONDS = 5.0
"""Between two questions to the cluster, which serves others too."""
SETTLE_SECONDS = 15.0
"""How long a result may take to appear on a shared file system after its job has left the queue."""


class Slurm:
    """A job for each pack, all of them one array.

    `sacct` is not asked, as submitit would: clusters without accounting have none. `squeue` always answers.

    Args:
        folder: For jobs and logs.
        options: Of them all.
    """

    at_once = None
    """Packs in the queue at a time: all, and the cluster decides."""

    def __init__(self, folder: Path, options: SubmititOptions) -> None:
        from submitit import SlurmExecutor

        self._executor = SlurmExecutor(folder, max_num_timeout=MOST_REQUEUES)
        self._executor.update_parameters(**_parameters(options))
        self._threads = options.threads
        self._open: dict[Job, None] = {}
        self._queued: set[str] = set()
        self._looked = float("-inf")
        self._missed: dict[str, float] = {}

    def hand_in(self, packs: Sequence[Pack]) -> list[Job]:
        """Queue one array with a job for each pack.

        Raises:
            ClusterError: `sbatch` refuses it; in its own words.
        """
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            with self._executor.batch():
                jobs: list[Job] = [self._executor.submit(Work(pack, self._threads)) for pack in packs]
        except (FailedJobError, FailedSubmissionError) as error:
            reason = str(error).strip().splitlines()[-1].removeprefix("sbatch: error: ").rstrip(".")
            raise ClusterError(f"sbatch refuses the jobs: {reason}. Change the options of {PLACE}.") from error
        self._open |= dict.fromkeys(jobs)
        self._queued |= {job.job_id for job in jobs}
        self._looked = time.monotonic()
        return jobs

    def ask(self, job: Job) -> list[Result] | Lost | None:
        """The results, or that the job has left the queue without any; None while it waits or trains."""
        answer = self._ask(job)
        if answer is not None:
            del self._open[job]
        return answer

    def leave(self) -> None:
        """Say what goes on without this process, when it is asked to stop."""
        if self._open:
            names = " ".join(job.job_id for job in self._open)
            sys.stderr.write(f"the jobs stay in SLURM's queue; to end them: scancel {names}\n")

    def _ask(self, job: Job) -> list[Result] | Lost | None:
        if job.paths.result_pickle.exists():
            return results(job)
        if job.job_id in self._queue():
            self._missed.pop(job.job_id, None)
            return None
        since = self._missed.setdefault(job.job_id, time.monotonic())
        if time.monotonic() - since < SETTLE_SECONDS:
            return None
        return Lost(f"SLURM job {job.job_id}{_ending(job.job_id)}", job.paths.stderr)

    def _queue(self) -> set[str]:
        """The user's jobs in the queue; the last answer while it is fresh or the cluster gives none."""
        if time.monotonic() - self._looked >= SQUEUE_SECONDS:
            command = ["squeue", "--noheader", "--array", f"--user={getpass.getuser()}", "--format=%i"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                self._queued = set(done.stdout.split())
            self._looked = time.monotonic()
        return self._queued


def _ending(job_id: str) -> str:
    """How SLURM says that a job ended, while it still knows."""
    done = subprocess.run(["scontrol", "show", "job", job_id], capture_output=True, text=True, check=False)
    facts = dict(word.split("=", 1) for word in done.stdout.split() if "=" in word)
    if "JobState" not in facts:
        return " ended"
    return f": {facts['JobState']}, exit code and signal {facts.get('ExitCode', 'unknown')}"


def _parameters(options: SubmititOptions) -> dict[str, Any]:
    """The options in the words of submitit's SlurmExecutor; what is null stays the cluster's own choice."""
    own = {
        "job_name": "rpt",
        "partition": options.partition,
        "time": options.timeout or DEFAULT_MINUTES,
        "nodes": options.nodes,
        "gpus_per_node": options.gpus or None,
        "cpus_per_task": options.cpus,
        "mem": None if options.mem is None else f"{round(options.mem * 1024)}M",
        "array_parallelism": options.array_parallelism,
    }
    return {name: value for name, value in own.items() if value is not None} | options.slurm


def wrong_parameters(options: SubmititOptions) -> Iterator[Problem]:
    """Parameters that submitit does not know, or that have a key of their own beside `slurm`."""
    from submitit import SlurmExecutor

    own = {"job_name", "partition", "time", "nodes", "gpus_per_node", "cpus_per_task", "mem", "array_parallelism"}
    free = SlurmExecutor._valid_parameters() - own - {"map_count"}
    for name, value in options.slurm.items():
        if name not in free:
            advice = f"no such key here. {near_miss(name, free, 'There are')}"
            yield Problem(
                f"{PLACE}.slurm.{name}", value, f"{advice} What else sbatch takes goes into additional_parameters."
            )
