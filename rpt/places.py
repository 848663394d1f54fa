"""Where the option files and studies lie, without importing anything that takes time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

USER_PATHS = ("data.root", "data.hub_id", "backbone.path", "init.path", "output_dir", "replay")
"""Keys whose values may be paths with `~`, which not every shell expands behind `=`."""


def config_dir() -> Path:
    """The folder of the option files, `conf/`."""
    return _shipped("conf")


def sweeps_dir() -> Path:
    """The folder of the studies, `sweeps/`."""
    return _shipped("sweeps")


def user_path(text: str) -> Path:
    """A path as a user writes it: `~` is the home folder, also where the shell does not expand it (`--out=~/x`)."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # no such user, or no home folder: whoever opens the path says that it is not there
        return path


def expand_home(values: dict[str, Any]) -> None:
    """Expand `~` in the paths of a plain configuration, in place: a file may hold it, where no shell sees it."""
    for key in USER_PATHS:
        group, _, name = key.rpartition(".")
        section = values.get(group) if group else values
        if isinstance(section, dict) and str(section.get(name)).startswith("~"):
            section[name] = str(user_path(section[name]))


def search_path(config_dirs: Sequence[str]) -> list[str]:
    """The override that lets Hydra look for options in these folders too, as `--config-dir` does; none for none."""
    places = ",".join(f'"file://{path}"' for path in config_dirs)
    return [f"hydra.searchpath=[{places}]"] if places else []


def _shipped(name: str) -> Path:
    """A top-level folder of a checkout, or its copy inside an installed wheel."""
    root = Path(__file__).parent.parent
    is_checkout = (root / "run.py").is_file() and (root / "conf" / "config.yaml").is_file()
    return (root if is_checkout else root / "rpt") / name
