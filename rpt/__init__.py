"""Train soft prompts for frozen language models, and measure how far their scores can be trusted.

The names in `__all__` are the Python API. Each is imported when it is first used, so that `import rpt` is fast.

Commands, workers on other machines and programs of users all import this package. The import therefore sets how idle
OpenMP threads wait, by environment variables that torch reads when it is imported.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rpt.system.openmp import wait_briefly

if TYPE_CHECKING:
    from pathlib import Path

    from rpt.config.schema import Config
    from rpt.data.datamodule import TaskData
    from rpt.runs import train
    from rpt.tracking.record import Record
    from rpt.trained import load
    from rpt.training.module import PromptTuner

__all__ = ["PromptTuner", "Record", "TaskData", "compose", "load", "train"]

_MODULES = {
    "PromptTuner": "rpt.training.module",
    "Record": "rpt.tracking.record",
    "TaskData": "rpt.data.datamodule",
    "load": "rpt.trained",
    "train": "rpt.runs",
}
"""Module of each name that is imported when it is first used."""

wait_briefly()


def compose(overrides: Sequence[str] = (), config_dirs: Sequence[str | Path] = ()) -> Config:
    """Compose a configuration from `conf/` and overrides, and check it, as `python run.py OVERRIDES` does.

    Nothing is trained.

    Examples:
        >>> import rpt
        >>> config = rpt.compose(["task=rte", "prompt.length=20"])
        >>> config.task.name, config.prompt.length
        ('rte', 20)

    Args:
        overrides: Overrides in Hydra's syntax. `encoder=plain` chooses a file of the group `conf/encoder/`, and
            `lr=0.3` sets a value.
        config_dirs: Folders of your own option files, in addition to rpt's `conf/`, as `--config-dir` names them.

    Raises:
        ConfigError: The configuration is wrong; the error holds all problems, sorted by key. For an override that is
            malformed or names an unknown key, group or option, and for a folder or option file that cannot be used,
            the error holds the first fault alone.
    """
    from rpt.config.check import check
    from rpt.config.compose import compose as compose_values

    return check(compose_values(overrides, [str(folder) for folder in config_dirs]))


def __getattr__(name: str) -> Any:
    """Import a name of the API when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module 'rpt' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """List the names of the API and the names that this module holds already."""
    return sorted({*globals(), *__all__})
