"""Where a backbone's files lie, without loading any of them."""

from __future__ import annotations

import importlib.util
import json
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
        try:
            spec = importlib.util.find_spec(package)
        except (ModuleNotFoundError, ValueError):  # the package around it, or no name at all
            spec = None
        if spec is None or not spec.submodule_search_locations:
            need = f"its weights come in the package {package}, which is not installed"
            raise NoSuchBackbone(f"{need}. Run: make setup")
        folder = Path(spec.submodule_search_locations[0]) / path
    if not (folder / "config.json").is_file():
        raise NoSuchBackbone(f"there is no config.json in {folder}. Run make setup, or name another folder.")
    return folder


def num_positions(folder: Path) -> int | None:
    """How many tokens a backbone can take, prompt included; None where its positions have no end.

    Raises:
        NoSuchBackbone: `config.json` cannot be read.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NoSuchBackbone(f"{path} cannot be read ({error}). Install the backbone again.") from error
    positions = config.get("max_position_embeddings") if isinstance(config, dict) else None
    return positions if isinstance(positions, int) else None
