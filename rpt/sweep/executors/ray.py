"""Executor that trains packs as Ray tasks: on a new cluster on this machine, or on a running cluster.

This machine and the nodes must share the file system that holds `output_dir`, the Python environment and the weights.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from rpt.config.schema import Config, Section
from rpt.sweep.executors.workers import ClusterError, LostWorker, Pack, require, run_packs, train_in_worker, validated
from rpt.sweep.point import Result
from rpt.system.interruption import GRACE_SECONDS
from rpt.training.live_progress import ProgressCallback, ignore_progress

Job = Any
"""A Ray reference to a task's results."""

OBJECT_STORE_BYTES = 100 * 1024**2
"""Size of Ray's object store. Tasks pass a few kilobytes each, and Ray's default is 30 % of the memory."""

CONNECT_SECONDS = 10.0
"""Longest time to wait for a cluster's address to accept a connection."""


class RayOptions(Section):
    """Options of the Ray executor, `hydra.launcher.ray.KEY` on the command line."""

    address: str | None = None  # running cluster: HOST:PORT or auto; null: new cluster on this machine for this sweep
    num_cpus: PositiveFloat = 1.0  # CPUs of a pack and number of its threads
    num_gpus: NonNegativeFloat | None = None  # GPUs of a pack; null: 1 if the cluster has any
    workers: PositiveInt | None = None  # packs at once; null: as many as the cluster's CPUs and GPUs allow
    retries: NonNegativeInt = 2  # number of times that the pack of a lost worker is submitted again


class RayExecutor:
    """Trains each pack as a Ray task with its own CPUs and GPUs.

    Args:
        options: Options from the command line; see `RayOptions`.
        folder: Folder for the workers' logs, on a file system that the nodes share.

    Raises:
        ConfigError: An option is wrong, or Ray is not installed.
    """

    def __init__(self, options: Mapping[str, Any], folder: Path) -> None:
        self.options = validated(options, RayOptions, "ray")
        self._folder = folder.absolute()
        self._losses: Counter[int] = Counter()
        require("ray", "ray", "ray")

    @property
    def workers(self) -> int:
        """Number of packs that are trained at the same time: the option `workers`, or 1 if it is not set."""
        return self.options.workers or 1

    def budget_bytes(self, config: Config) -> int | None:
        """Return None, because the memory of the node that will train a pack is unknown."""
        return None

    def run(
        self, packs: Sequence[Pack], report: Callable[[Result], None], watch: ProgressCallback = ignore_progress
    ) -> None:
        """Train every pack and report each point once, when its result is known.

        Raises:
            ClusterError: There is no cluster at the address, or no node of the cluster has enough CPUs and GPUs for a
                pack.
        """
        if not packs:
            return
        workers = RayWorkers(self._folder, self.options)
        try:
            retries = self.options.retries
            run_packs(workers, packs, report, watch, retries=retries, losses=self._losses, at_once=self.options.workers)
        finally:
            workers.close()


class RayWorkers:
    """Workers of a Ray cluster. The constructor starts a cluster or joins a running cluster, and `close` leaves it.

    Args:
        folder: Folder for the workers' logs, on a file system that the nodes share.
        options: Options of the executor.

    Raises:
        ClusterError: There is no cluster at the address, or no node of the cluster has enough CPUs and GPUs for a pack.
    """

    def __init__(self, folder: Path, options: RayOptions) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs: dict[Job, Path] = {}
        self._ray = _join(options)
        try:
            needed = {"CPU": options.num_cpus, "GPU": self._gpus(options)}
            self._check_size(needed)
        except BaseException:
            self._ray.shutdown()
            raise
        # Each pack has a new worker process, which frees all memory. `run_packs` retries, because it can name the log.
        resources = {"num_cpus": needed["CPU"], "num_gpus": needed["GPU"]}
        self._train = self._ray.remote(max_calls=1, max_retries=0, **resources)(_train)

    def submit(self, packs: Sequence[Pack]) -> list[Job]:
        """Queue a task for each pack."""
        return [self._start(pack) for pack in packs]

    def _start(self, pack: Pack) -> Job:
        names = (self._folder / f"{pack[0].number}-{attempt}.log" for attempt in itertools.count())
        log = next(name for name in names if not name.exists())
        log.touch()
        job = self._train.remote(pack, str(log), str(Path.cwd()))
        self._logs[job] = log
        return job

    def poll(self, job: Job) -> list[Result] | LostWorker | None:
        """Return the results, or `LostWorker` if the task has ended without results; None while it waits or trains."""
        done, _ = self._ray.wait([job], timeout=0)
        if not done:
            return None
        log = self._logs.pop(job)
        try:
            results: list[Result] = self._ray.get(job)
        except self._ray.exceptions.RayError as error:
            return LostWorker(type(error).__name__, log)
        return results

    def close(self) -> None:
        """Cancel the open tasks, and end the cluster if this process has started it. A joined cluster keeps running.

        A cancelled task gets a KeyboardInterrupt and writes a checkpoint. It is killed if this takes too long.
        """
        jobs = list(self._logs)
        try:
            if jobs:
                self._cancel(jobs, force=False)
                _, jobs = self._ray.wait(jobs, num_returns=len(jobs), timeout=GRACE_SECONDS + 5.0)
        finally:  # a second Ctrl-C may have ended the waiting
            self._cancel(jobs, force=True)
            self._ray.shutdown()

    def _cancel(self, jobs: Sequence[Job], *, force: bool) -> None:
        for job in jobs:
            self._ray.cancel(job, force=force)

    def _gpus(self, options: RayOptions) -> float:
        if options.num_gpus is not None:
            return options.num_gpus
        return min(1.0, float(self._ray.cluster_resources().get("GPU", 0)))

    def _check_size(self, needed: dict[str, float]) -> None:
        """Refuse packs that need more CPUs or GPUs than any node has, because Ray would wait forever.

        Raises:
            ClusterError: No node has enough CPUs and GPUs.
        """
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        if not any(all(node.get(name, 0) >= amount for name, amount in needed.items()) for node in nodes):
            sizes = "; ".join(f"{node.get('CPU', 0):g} CPU, {node.get('GPU', 0):g} GPU" for node in nodes)
            amounts = f"{needed['CPU']:g} CPU and {needed['GPU']:g} GPU"
            advice = "Lower hydra.launcher.ray.num_cpus or num_gpus."
            raise ClusterError(
                f"no node of the Ray cluster has {amounts} for a pack (the nodes have: {sizes}). {advice}"
            )


def _join(options: RayOptions) -> Any:
    """Start or join the cluster and return the module `ray`.

    Raises:
        ClusterError: The cluster cannot be started or joined.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # Ray's future default; Ray warns if it is not set
    if options.address is None:
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # otherwise Ray writes a token into the home folder
    import ray

    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if options.address is None:
            ray.init(address="local", include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **quiet)
        else:
            address = _address_of_auto() if options.address == "auto" else options.address
            _check_connection(address)
            ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        location = f"at {options.address}" if options.address else "on this machine"
        reason = str(error).splitlines()[0].rstrip(".")
        advice = "Set hydra.launcher.ray.address to the address of a running cluster (ray start --head), or to null."
        raise ClusterError(f"no Ray cluster {location} ({reason}). {advice}") from error
    return ray


def _address_of_auto() -> str:
    """Return the address for `auto`: RAY_ADDRESS, or the cluster that `ray start` last started on this machine.

    Raises:
        OSError: There is no such cluster.
    """
    from ray._private.services import canonicalize_bootstrap_address_or_die  # Ray's own commands use this function

    address: str = canonicalize_bootstrap_address_or_die("auto")
    return address


def _check_connection(address: str) -> None:
    """Check that an address accepts connections, because Ray itself would try for a quarter of an hour.

    Raises:
        OSError: The address accepts no connection, or is not of the form HOST:PORT.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():
        raise OSError("an address is HOST:PORT, or auto")
    socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def _train(pack: Pack, log: str, folder: str) -> list[Result]:
    """Train a pack; Ray calls this in a new worker process.

    Args:
        pack: Points of the pack.
        log: Path of the file that receives stdout and stderr.
        folder: Folder in which the command was started. The worker changes to it, because relative paths start there.

    Returns:
        A result for each point.
    """
    try:
        os.chdir(folder)
    except OSError as error:
        problem = f"{folder}: the command was started there, and node {socket.gethostname()} has no such folder"
        advice = (
            "The nodes of a Ray cluster must share a file system, for output_dir, the environment and the weights. "
            "Start the command in a folder of that file system."
        )
        text = f"{problem} ({error.strerror}). {advice}"
        return [Result(point.number, "interrupted", error=text) for point in pack]
    target = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for stream in (1, 2):
        os.dup2(target, stream)
    return train_in_worker(pack)
