"""Check the config folders of a user. Each must exist, and none may hold a file with the name of a shipped file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, runtime_checkable

from rpt.config.paths import config_dir, sweeps_dir
from rpt.errors import ConfigError, Problem


@runtime_checkable  # the tests check the types of every call
class Source(Protocol):
    """An entry of Hydra's search path: a config folder or a package.

    Attributes:
        provider: Origin of the entry, such as `command-line`.
        schema: Kind of the entry: `file`, `pkg` or `structured`.
        path: Path of the folder, or dotted name of a package.
    """

    provider: str
    schema: str
    path: str


def folders_of(scheme: str, path: str) -> list[Path]:
    """List the folders of an entry in Hydra's search path.

    Args:
        scheme: Kind of the entry: `file` or `pkg`.
        path: Path of a folder, or dotted name of a package, which may have several folders.

    Returns:
        Folders of the entry; empty for a package that is not installed.
    """
    if scheme != "pkg":
        return [Path(path)]
    try:
        spec = find_spec(path.replace("/", "."))
    except (ImportError, ValueError):
        spec = None
    return [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []


def check_sources(sources: Iterable[Source]) -> None:
    """Refuse config folders that are missing, or that hold files which Hydra would ignore.

    Args:
        sources: Hydra's search path. Hydra reads a file from the first source that contains it.

    Raises:
        ConfigError: A folder or package does not exist, or a user's file has the name of a shipped file, which Hydra
            would read instead.
    """
    user_sources = [source for source in sources if source.schema in ("file", "pkg") and source.provider != "hydra"]
    shipped = {folder.resolve() for folder in (config_dir(), sweeps_dir())}
    searched = [folder for source in user_sources for folder in folders_of(source.schema, source.path)]
    shipped_folders = [folder for folder in searched if folder.resolve() in shipped]
    problems = [problem for source in user_sources for problem in _problems(source, shipped, shipped_folders)]
    if problems:
        raise ConfigError(problems)


def _problems(source: Source, shipped: set[Path], shipped_folders: list[Path]) -> Iterator[Problem]:
    folders = [folder for folder in folders_of(source.schema, source.path) if folder.is_dir()]
    if not folders:
        advice = "there is no such folder or package. Name a folder that holds encoder/, task/ or studies."
        yield Problem("config folder", f"{source.schema}://{source.path}", advice)
    for folder in folders:
        for file in sorted(folder.rglob("*.yaml")) if folder.resolve() not in shipped else []:
            name = file.relative_to(folder)
            if any((shipped_folder / name).is_file() for shipped_folder in shipped_folders):
                option = name.with_suffix("").as_posix()
                advice = f"rpt ships {option} itself, and Hydra would read rpt's file. Rename your file."
                yield Problem("config file", file, advice)
