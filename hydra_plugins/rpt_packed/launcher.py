"""`hydra/launcher=packed`: trains the points of a sweep that share backbone, task and batch size together.

Hydra imports this module at every start, so it must not import heavy modules. It has no `from __future__ import
annotations`: Hydra runs the module before adding it to `sys.modules`, where dataclasses then look up annotations.
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
    """Options of the packed launcher. They are untyped here; `rpt.sweep.settings` checks them with clear messages."""

    _target_: str = "hydra_plugins.rpt_packed.launcher.PackedLauncher"
    executor: Any = "inline"  # inline: in this process | submitit: jobs of SLURM or of this machine | ray
    pack_size: Any = 64  # largest number of runs that are trained together; less memory means smaller packs
    retry_failed: Any = False  # true: runs that failed in an earlier command are trained again
    halving: Any = field(default_factory=dict)  # rungs, keep and separate; see rpt.sweep.settings
    submitit: Any = field(default_factory=dict)  # see rpt.sweep.executors.submitit
    ray: Any = field(default_factory=dict)  # see rpt.sweep.executors.ray


class PackedLauncher(Launcher):
    """Trains all points of a sweep at once and returns a job result for each point.

    The points are not jobs of Hydra: Hydra's callbacks for single jobs are not called, and no `.hydra` folders are
    written. The configuration of a run is in the run's folder.
    """

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store the configuration of the sweep. Hydra calls this before `launch`."""
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Train a batch of points; see `rpt.sweep.launch`."""
        from hydra_plugins.rpt_packed._core import launch

        assert self.config is not None
        return launch(self.config, self.options, job_overrides, initial_job_idx)


def _node() -> DictConfig:
    """Build the options' schema. Options in a group need no `+`, because rpt itself refuses unknown keys."""
    node = OmegaConf.structured(PackedLauncherConf)
    assert isinstance(node, DictConfig)
    for group in ("halving", "submitit", "ray"):
        OmegaConf.set_struct(node[group], False)
    return node


ConfigStore.instance().store(group="hydra/launcher", name="packed", node=_node(), provider="rpt")
