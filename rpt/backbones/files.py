"""Where a backbone's files lie, without loading any of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path


class NoSuchBackbone(LookupError):
    """The backbone's files are not on this machine; the message says what to do."""


def locate(package: str | None, path: str) -> Path:
    """The folder, in the hub's layout, that holds a backbone's config, tokenizer and weights.

    Args:
        package: The Python package that ships the weights; None for a folder on disk.
        path: The folder, inside the package or on disk.

    Raises:
        NoSuchBackbone: The package is not installed, or the folder has no `config.json`.
    """
    folder = Path(path)
    if package is not None:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            need = f"its weights come in the package {package}, which is not installed"
            raise NoSuchBackbone(f"{need}. Run: make setup")
        folder = Path(spec.submodule_search_locations[0]) / path
    if not (folder / "config.json").is_file():
        raise NoSuchBackbone(f"there is no config.json in {folder}. Run make setup, or name another folder.")
    return folder
