"""`hydra/launcher=packed`: the points of a sweep that share backbone, task and batch size are trained together.

Hydra imports this module at every start, so nothing heavy is imported here; and it runs the module before Python
knows it, which `from __future__ import annotations` would not survive.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


@dataclass
class PackedLauncherConf:
    """The launcher's options; `rpt.packing.settings` gives them their types, and refuses with better words."""

    _target_: str = "hydra_plugins.rpt_packed.launcher.PackedLauncher"
    executor: Any = "inline"  # inline: in this process | submitit: jobs of SLURM or of this machine | ray
    pack_size: Any = 64  # most runs that are trained together; memory may allow fewer
    retry_failed: Any = False  # true: train again what failed at an earlier start of the same sweep
    submitit: Any = field(default_factory=dict)  # see rpt.packing.executors.submitit
    ray: Any = field(default_factory=dict)  # see rpt.packing.executors.ray


class PackedLauncher(Launcher):
    """Takes all points of a sweep at once and reports each by its own status.

    Points are no jobs of Hydra: its callbacks for single jobs are not called, and `.hydra` folders are not written. A
    run's folder holds its configuration.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Hydra's hook: the sweep's configuration."""
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Train a batch of points; see `rpt.packing.launch`."""
        from hydra_plugins.rpt_packed._core import launch

        assert self.config is not None
        return launch(self.config, self.options, job_overrides, initial_job_idx)


def _node() -> DictConfig:
    """The options' schema. An executor's own options may be given without `+`: the executor refuses unknown ones."""
    node = OmegaConf.structured(PackedLauncherConf)
    assert isinstance(node, DictConfig)
    for executor in ("submitit", "ray"):
        OmegaConf.set_struct(node[executor], False)
    return node


ConfigStore.instance().store(group="hydra/launcher", name="packed", node=_node(), provider="rpt")
