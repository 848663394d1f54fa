"""Packs as jobs of submitit: an array on a SLURM cluster, or processes of this machine.

The controller and the nodes share a file system: that of `output_dir`, of the environment and of the weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rpt.config import Config
from rpt.errors import ConfigError
from rpt.packing.executors.attend import Pack, attend, checked, need
from rpt.packing.executors.jobs import PLACE, SubmititOptions
from rpt.packing.executors.machine import Machine, shares, visible_gpus
from rpt.packing.executors.slurm import Slurm, wrong_parameters
from rpt.packing.point import Result
from rpt.pulse import Watch, nobody


class SubmititExecutor:
    """Hands each pack to a job of its own.

    Args:
        options: See `SubmititOptions`.
        folder: For jobs and their logs; on SLURM, on a file system that the nodes share.

    Raises:
        ConfigError: An option is wrong, the package is missing, or there is no SLURM here.
    """

    def __init__(self, options: Mapping[str, Any], folder: Path) -> None:
        self.options = checked(options, SubmititOptions, "submitit")
        self._folder = folder.absolute()
        self._losses: Counter[int] = Counter()
        need("submitit", "submitit", "cluster")
        from submitit import AutoExecutor

        found = AutoExecutor.which()
        self.cluster = found if self.options.cluster == "auto" else self.options.cluster
        if self.cluster == "slurm" and found != "slurm":
            advice = "there is no srun on this machine. Start on a login node of the cluster, or set it to local."
            raise ConfigError.of(f"{PLACE}.cluster", "slurm", advice)
        if problems := list(wrong_parameters(self.options)):
            raise ConfigError(problems)

    @property
    def workers(self) -> int:
        """As asked for; on this machine, else, one for each share of its GPUs."""
        if self.options.array_parallelism is not None or self.cluster == "slurm":
            return self.options.array_parallelism or 1
        return len(shares(visible_gpus(), self.options.gpus))

    def budget_bytes(self, config: Config) -> int | None:
        """A share of `mem`, for workers without a GPU, whose memory would be the one that counts."""
        has_gpu = bool(self.options.gpus) and config.trainer.device != "cpu"
        if self.options.mem is None or has_gpu:
            return None
        from rpt.packing.memory import budget_bytes

        return budget_bytes(config, int(self.options.mem * 2**30))

    def run(self, packs: Sequence[Pack], report: Callable[[Result], None], watch: Watch = nobody) -> None:
        """Train every pack; each point is reported once, when its result is known.

        Raises:
            ClusterError: SLURM refuses the jobs.
            ConfigError: A pack is to have more GPUs than this machine has.
        """
        is_slurm = self.cluster == "slurm"
        crew = Slurm(self._folder, self.options) if is_slurm else Machine(self._folder, self.options)
        try:
            retries = self.options.retries
            attend(crew, packs, report, watch, retries=retries, losses=self._losses, at_once=crew.at_once)
        finally:
            crew.leave()
