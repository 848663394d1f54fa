"""Look into plain values, whatever is wrong with them otherwise."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")
Values = dict[str, Any]


def get(values: Values, key: str, kind: type[T]) -> T | None:
    """The value at a dotted key, or None where it is absent or of another type (the schema reports that)."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    is_one = isinstance(found, kind) and isinstance(found, bool) == (kind is bool)  # to Python, true is a number
    return found if is_one else None


def number(values: Values, key: str) -> float | None:
    """The same for a number, whole or not."""
    whole = get(values, key, int)
    return get(values, key, float) if whole is None else whole
