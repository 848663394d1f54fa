"""Find a module without running its code, and import the object of a dotted path."""

from __future__ import annotations

import pkgutil
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any


def find_module(name: str) -> ModuleSpec | None:
    """Find a module by its dotted name.

    `importlib.util.find_spec` is not used, because it imports the packages that contain the module.

    Returns:
        Specification of the module, with its file as `origin` and, for a package, `submodule_search_locations`. None
        if the module does not exist.
    """
    top, *below = name.split(".")
    spec = _top_level(top) if top else None
    for part in below:
        folders = None if spec is None else spec.submodule_search_locations
        spec = None if not folders or not part else PathFinder.find_spec(part, list(folders))
    return spec


def source_file(name: str) -> Path | None:
    """Return the source file of a module by its dotted name; None if there is no source file."""
    spec = find_module(name)
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def load_object(target: str) -> Any:
    """Import the class, function or other object that a dotted path names."""
    return pkgutil.resolve_name(target)


def _top_level(name: str) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = None if find is None else find(name, None, None)
        if isinstance(spec, ModuleSpec):
            return spec
    return None
