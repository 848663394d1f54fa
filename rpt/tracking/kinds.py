"""Kinds of the values in JSON files, and messages for missing keys and values of the wrong kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

LONGEST_VALUE = 80
"""Largest number of characters of a refused value that a message quotes."""


class Kind(NamedTuple):
    """Kind of a value in a JSON file.

    Attributes:
        words: Name of the kind in a message, such as "a number".
        accepts: Function that tells whether a value is of the kind.
    """

    words: str
    accepts: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63  # False for nan


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(item is None or _is_number(item) for item in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


NUMBER = Kind("a number", _is_number)
WHOLE = Kind("a whole number", _is_whole)
NATURAL = Kind("a whole number of 0 or more", lambda value: _is_whole(value) and value >= 0)
TEXT = Kind("a text", _is_text)
TEXT_OR_NULL = Kind("a text or null", lambda value: value is None or _is_text(value))
TEXTS = Kind("a list of texts", lambda value: isinstance(value, list) and all(map(_is_text, value)))
LIST = Kind("a list", lambda value: isinstance(value, list))
NUMBERS = Kind("a list of numbers", _is_numbers)
"""Kind of a list whose items are numbers or null, because a number that is not finite is written as null."""
NUMBERS_OR_NULL = Kind("a list of numbers or null", lambda value: value is None or _is_numbers(value))
SECTION = Kind("a section", lambda value: isinstance(value, dict))
SECTION_OR_NULL = Kind("a section or null", lambda value: value is None or isinstance(value, dict))


def find_key(value: Any, key: str) -> tuple[str | None, Any]:
    """Find the value of a dotted key in a JSON value.

    Returns:
        `(None, value)` for a key that exists. Otherwise `(missing, None)`, where `missing` is the key up to its first
        part that is missing.
    """
    parts = key.split(".")
    for count, part in enumerate(parts, 1):
        if not isinstance(value, Mapping) or part not in value:
            return ".".join(parts[:count]), None
        value = value[part]
    return None, value


def problems_of(
    value: Any,
    kinds: Mapping[str, Kind] | Mapping[str, Kind | None],
    find: Callable[[Any, str], tuple[str | None, Any]] = find_key,
) -> tuple[list[str], list[str]]:
    """Compare values with the kinds that they must have.

    Args:
        value: Any JSON value; a value that is not an object lacks all keys.
        kinds: Kind that each value must have, by dotted key; None for a value of any kind that must exist.
        find: Function that finds the value of a dotted key, as `find_key` does.

    Returns:
        Missing keys, each up to its first part that is missing, and a message for each value of the wrong kind.
    """
    missing: dict[str, None] = {}
    odd: list[str] = []
    for key, kind in kinds.items():
        absent, item = find(value, key)
        if absent is not None:
            missing[absent] = None
        elif kind is not None and not kind.accepts(item):
            odd.append(f"{key} = {shown(item)}: must be {kind.words}")
    return list(missing), odd


def shown(value: Any) -> str:
    """Format a value of a JSON file on one line, shortened."""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
