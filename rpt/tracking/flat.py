"""Flatten nested dictionaries into one dictionary with dotted keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Leaf = float | int | str | bool | None


def flatten(values: Mapping[str, Any]) -> dict[str, Leaf]:
    """Return the innermost values by dotted key. A list is formatted as JSON."""
    leaves: dict[str, Leaf] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            leaves |= {f"{name}.{key}": leaf for key, leaf in flatten(value).items()}
        else:
            leaves[name] = json.dumps(value) if isinstance(value, list | tuple) else value
    return leaves
