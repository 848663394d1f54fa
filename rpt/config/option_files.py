"""List the config groups and their options from the files in the config folders of rpt and of the user."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rpt.config.command_line import config_dirs
from rpt.config.paths import config_dir, is_too_long


def option_folders(arguments: Sequence[str] | None = None) -> list[Path]:
    """List rpt's config folder and the user's config folders that exist.

    Args:
        arguments: Arguments that name the user's config folders; None for the command line of this process.
    """
    named = config_dirs(sys.argv[1:] if arguments is None else arguments)
    return [config_dir(), *(folder for folder in named if not is_too_long(str(folder)) and folder.is_dir())]


def groups(folders: Sequence[Path]) -> list[str]:
    """List the names of the config groups in config folders."""
    return sorted({entry.name for folder in folders for entry in folder.iterdir() if entry.is_dir()} - {"hydra"})


def options_of(group: str, folders: Sequence[Path]) -> list[str]:
    """List the options of a group in config folders. A nested option has a name such as `paper/t5_base/plain`."""
    return sorted({option for folder in folders for option in yaml_names(folder / group)})


def yaml_names(folder: Path) -> list[str]:
    """List the YAML files of a folder and its subfolders, as paths in the folder without the suffix `.yaml`."""
    return [file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.yaml")]
