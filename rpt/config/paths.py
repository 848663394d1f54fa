"""Find the folders of option files and studies, and read paths of the user. This module imports only fast modules."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

USER_PATHS = ("data.root", "data.hub_id", "backbone.path", "backbone.text_cache_dir", "init.path", "output_dir")
"""Keys whose values may be paths with `~`. Not every shell expands `~` behind `=`."""

SEARCH_PATH = "hydra.searchpath"
"""Key of the list of config folders and packages that Hydra reads in addition to rpt's `conf/`."""

MOST_BYTES = 255
"""Largest length of the name of a file or folder, in bytes."""

MOST_BYTES_OF_A_PATH = 2000
"""Largest length of a path, in bytes. Linux accepts 4095; rpt adds parts in front of the path and behind it."""


def config_dir() -> Path:
    """Return the folder of the option files, `conf/`."""
    return _shipped("conf")


def sweeps_dir() -> Path:
    """Return the folder of the studies, `sweeps/`."""
    return _shipped("sweeps")


def user_path(text: str) -> Path:
    """Convert a user's text to a path, with `~` as the home folder; a shell does not expand it in `--out=~/x`."""
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # no such user or no home folder; opening the path will report it as missing
        return path


def is_too_long(path: str) -> bool:
    """Whether a path is too long, or the name of a file or folder in it is too long."""
    content = path.encode(errors="replace")
    return len(content) > MOST_BYTES_OF_A_PATH or any(len(name) > MOST_BYTES for name in content.split(b"/"))


def shortened(text: str) -> str:
    """Shorten a long text for a message: its first 40 characters and its length."""
    return text if len(text) <= 80 else f"{text[:40]}... ({len(text)} characters)"


def expand_home(values: dict[str, Any]) -> None:
    """Expand `~` in the paths of a plain configuration, in place. A YAML file may hold `~`, which no shell expands."""
    for key in USER_PATHS:
        group, _, name = key.rpartition(".")
        section = values.get(group) if group else values
        if isinstance(section, dict) and str(section.get(name)).startswith("~"):
            section[name] = str(user_path(section[name]))


def expand_override(override: str) -> str:
    """Expand `~` in an override that sets a path or the search path. Other overrides are returned unchanged.

    Examples:
        >>> expand_override("~lr"), expand_override("question=~/b")
        ('~lr', 'question=~/b')
    """
    is_path = override.partition("=")[0] in (*USER_PATHS, SEARCH_PATH)
    return expand_text(override) if is_path else override


def expand_text(text: str) -> str:
    """Expand `~` to the home folder in a text that holds paths. A shell does not expand it behind `=`."""
    return re.sub(r"(?:(?<![\w./])|(?<=file://))~(?=/)", lambda _: str(user_path("~")), text)


def search_path(config_dirs: Sequence[str]) -> list[str]:
    """Build the override that adds config folders to Hydra's search path, as `--config-dir` does.

    Args:
        config_dirs: Config folders to add. `~` is the home folder.

    Returns:
        List of one override; empty without config folders.
    """
    entries = ",".join(f'"file://{user_path(folder)}"' for folder in config_dirs)
    return [f"{SEARCH_PATH}=[{entries}]"] if entries else []


def _shipped(name: str) -> Path:
    """Return a top-level folder of the checkout, or its copy inside the installed package."""
    root = Path(__file__).parents[2]
    is_checkout = (root / "run.py").is_file() and (root / "conf" / "config.yaml").is_file()
    return (root if is_checkout else root / "rpt") / name
