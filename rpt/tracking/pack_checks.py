"""Checks of the configurations that are trained together, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rpt.config.schema import Config
from rpt.errors import ConfigError
from rpt.tracking.identity import shared
from rpt.tracking.recorder import Recorder


def check_pack(configs: Sequence[Config]) -> None:
    """Check that there is a run, and that several runs share backbone, rows and training loop.

    Args:
        configs: Configuration of each run of the pack.

    Raises:
        ConfigError: There is no configuration, or the runs cannot be trained together.
    """
    if not configs:
        raise ConfigError.of("configs", "[]", "holds no configuration. Give the configuration of at least one run.")
    if len(configs) > 1 and configs[0].trainer.tune == "all":
        raise ConfigError.of("trainer.tune", "all", "runs that train their backbone cannot share it. Train each alone.")
    if len(configs) > 1 and configs[0].trainer.devices != 1:
        advice = "works only for a single run. To train packs on several GPUs, set hydra.launcher.executor=submitit."
        raise ConfigError.of("trainer.devices", configs[0].trainer.devices, advice)
    if len(configs) > 1 and (names := [name for config in configs for name in config.callbacks]):
        advice = (
            "act on the training of all runs of a pack, so a run with callbacks cannot be in a pack. Train it alone."
        )
        raise ConfigError.of("callbacks", ", ".join(names), advice)
    first = shared(configs[0])
    for config in configs[1:]:
        for key, value in shared(config).items():
            if value != first[key]:
                raise ConfigError.of(key, value, f"is {first[key]} for another run of the pack. Train the two apart.")


def refuse_twins(recorders: Sequence[Recorder]) -> None:
    """Check that no two configurations of a pack describe the same run.

    Args:
        recorders: Recorder of each run of the pack.

    Raises:
        ConfigError: Two recorders have the same folder.
    """
    folders: set[Path] = set()
    for recorder in recorders:
        path = recorder.folder.path
        if path in folders:
            raise ConfigError.of("configs", path.name, "is the run of two configurations. Give each run once.")
        folders.add(path)
