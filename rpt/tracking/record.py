"""Read a run's record, `run.json`, and check the kinds of its values.

A record may be damaged, or come from another version of rpt or from a stranger. Every reader of run folders calls
`read_record`, and checks the keys that it needs by `problems_of`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rpt.errors import StorageError
from rpt.system.reading import Unreadable, read_json
from rpt.tracking.status import RECORD_STATUSES

Record = Mapping[str, Any]

LONGEST_VALUE = 80
"""Largest number of characters of a refused value that a message quotes."""


class RecordError(StorageError):
    """A record cannot be read, or holds values that rpt does not write."""


class Kind(NamedTuple):
    """Kind of a value in a record.

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


def _is_scores(value: Any) -> bool:
    return isinstance(value, dict) and all(item is None or _is_number(item) for item in value.values())


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
VALUE = Kind("a text, a number or null", lambda value: value is None or not isinstance(value, dict | list))
SECTION = Kind("a section", lambda value: isinstance(value, dict))
SECTION_OR_NULL = Kind("a section or null", lambda value: value is None or isinstance(value, dict))
SCORES = Kind("a section of numbers", _is_scores)

OF_ANY_RECORD = {
    "name": TEXT,
    "started": TEXT,
    "finished": TEXT,
    "error": TEXT_OR_NULL,
    "seconds": NUMBER,
    "code": SECTION,
    "warnings": TEXTS,
    **dict.fromkeys(("chosen", "config", "task", "protocol", "data", "backbone", "environment", "pack"), SECTION),
    "config.group": TEXT_OR_NULL,
    "config.question": TEXT_OR_NULL,
    "protocol.habits": TEXTS,
    "data.rows": SECTION,
    "data.rows.held_out": NATURAL,
    "pack.members": TEXTS,
    "scores": SCORES,
    "majority": SCORES,
    "best": SECTION_OR_NULL,
    "best.held_out": SCORES,
    "best.epoch": NUMBER,
    "best.step": NATURAL,
}
"""Kinds of the values that a record may hold, by dotted key."""


TRAIN_AGAIN = "Move the folder away, or set rerun=true to train again."


def read_record(path: Path, advice: str = TRAIN_AGAIN) -> dict[str, Any]:
    """Read a run's record.

    Args:
        path: Path of the `run.json`.
        advice: Sentence that advises the user if the record is refused.

    Raises:
        RecordError: The file cannot be read, is not a record of rpt, or holds a value that rpt does not write.
    """
    try:
        record = read_json(path)
    except Unreadable as error:
        raise RecordError(f"{error}. {advice}") from error
    if not isinstance(record, dict) or "status" not in record:
        raise RecordError(f"{path}: is no record of rpt. {advice}")
    if record["status"] not in RECORD_STATUSES:
        status = shown(record["status"])
        raise RecordError(f"{path}: status = {status}: rpt writes {', '.join(RECORD_STATUSES)}. {advice}")
    _, odd = problems_of(record, OF_ANY_RECORD)
    if odd:
        raise RecordError(f"{path}: {'; '.join(odd)}. {advice}")
    return record


def problems_of(record: Any, kinds: Mapping[str, Kind]) -> tuple[list[str], list[str]]:
    """Compare the values of a record with the kinds that they must have.

    Args:
        record: Record, or any JSON value; a value that is not an object lacks all keys.
        kinds: Kind of each value, by dotted key.

    Returns:
        Missing keys, each cut after the first missing part, and a message for each value of the wrong kind.
    """
    missing: dict[str, None] = {}
    odd: list[str] = []
    for key, kind in kinds.items():
        absent, value = _find(record, key)
        if absent is not None:
            missing[absent] = None
        elif not kind.accepts(value):
            odd.append(f"{key} = {shown(value)}: must be {kind.words}")
    return list(missing), odd


def shown(value: Any) -> str:
    """Format a value of a record on one line, shortened."""
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def _find(record: Any, key: str) -> tuple[str | None, Any]:
    """Find the value of a dotted key.

    Returns:
        None and the value, or the key up to its first missing part and None.
    """
    value: Any = record
    parts = key.split(".")
    for count, part in enumerate(parts, 1):
        if not isinstance(value, Mapping) or part not in value:
            return ".".join(parts[:count]), None
        value = value[part]
    return None, value
