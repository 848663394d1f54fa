"""Typed access to the plain values of a configuration, which may be invalid in other ways."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")
Values = dict[str, Any]


def get(values: Values, key: str, kind: type[T]) -> T | None:
    """Return the value at a dotted key; None if it is absent or has another type, which the schema reports."""
    found: Any = values
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    is_one = isinstance(found, kind) and isinstance(found, bool) == (kind is bool)  # to Python, true is a number
    return found if is_one else None


def number(values: Values, key: str) -> float | None:
    """Return the number at a dotted key, whole or not; None if the value is absent or is not a number."""
    whole = get(values, key, int)
    return get(values, key, float) if whole is None else whole
