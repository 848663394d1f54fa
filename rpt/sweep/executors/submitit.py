"""Executor that trains packs as submitit jobs: a job array on a SLURM cluster, or processes on this machine.

This machine and the nodes must share the file system that holds `output_dir`, the Python environment and the weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rpt.config.schema import Config
from rpt.errors import ConfigError
from rpt.sweep.executors.jobs import OPTIONS_KEY, SubmititOptions
from rpt.sweep.executors.local import LocalWorkers, gpu_shares, visible_gpus
from rpt.sweep.executors.slurm import SlurmWorkers, wrong_parameters
from rpt.sweep.executors.workers import Pack, require, run_packs, validated
from rpt.sweep.point import Result
from rpt.training.live_progress import ProgressCallback, ignore_progress


class SubmititExecutor:
    """Trains each pack as a submitit job.

    Args:
        options: Options from the command line; see `SubmititOptions`.
        folder: Folder for the jobs' files and logs; for SLURM, on a file system that the nodes share.

    Raises:
        ConfigError: An option is wrong, submitit is not installed, or SLURM is not available on this machine.
    """

    def __init__(self, options: Mapping[str, Any], folder: Path) -> None:
        self.options = validated(options, SubmititOptions, "submitit")
        self._folder = folder.absolute()
        self._losses: Counter[int] = Counter()
        require("submitit", "submitit", "cluster")
        from submitit import AutoExecutor

        detected = AutoExecutor.which()
        self.cluster = detected if self.options.cluster == "auto" else self.options.cluster
        if self.cluster == "slurm" and detected != "slurm":
            advice = (
                "there is no srun on this machine. Start on a login node of the cluster, or set the option to local."
            )
            raise ConfigError.of(f"{OPTIONS_KEY}.cluster", "slurm", advice)
        if problems := list(wrong_parameters(self.options)):
            raise ConfigError(problems)

    @property
    def workers(self) -> int:
        """Number of packs that are trained at the same time.

        This is the option `array_parallelism`. Its default is 1 on SLURM. On this machine, the default is the number of
        workers among which the GPUs are divided.
        """
        if self.options.array_parallelism is not None or self.cluster == "slurm":
            return self.options.array_parallelism or 1
        return len(gpu_shares(visible_gpus(), self.options.gpus))

    def budget_bytes(self, config: Config) -> int | None:
        """Compute the bytes that a pack's weights and optimizer states may take: a share of the option `mem`.

        The value is None if `mem` is not set, and for workers with a GPU, whose memory holds the states.
        """
        has_gpu = bool(self.options.gpus) and config.trainer.device != "cpu"
        if self.options.mem is None or has_gpu:
            return None
        from rpt.sweep.memory import budget_bytes

        return budget_bytes(config, int(self.options.mem * 2**30))

    def run(
        self, packs: Sequence[Pack], report: Callable[[Result], None], watch: ProgressCallback = ignore_progress
    ) -> None:
        """Train every pack and report each point once, when its result is known.

        Raises:
            ClusterError: SLURM refuses the jobs.
            ConfigError: A pack needs more GPUs than this machine has.
        """
        is_slurm = self.cluster == "slurm"
        pool = SlurmWorkers(self._folder, self.options) if is_slurm else LocalWorkers(self._folder, self.options)
        try:
            retries = self.options.retries
            run_packs(pool, packs, report, watch, retries=retries, losses=self._losses, at_once=pool.at_once)
        finally:
            pool.close()
