"""Read files that a user provides, and refuse a damaged or wrong file with its name and the reason.

This module imports neither torch nor transformers, so that the check of a configuration is fast.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rpt.errors import RptError

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""First bytes of a git-lfs pointer: a small text file in place of a large file that git-lfs has not fetched."""

JSON_KINDS = {list: "array", str: "string", bool: "boolean", type(None): "null"}
"""JSON's name of each Python type, except of objects (dict) and of numbers (int and float)."""

MOST_LEVELS = 100
"""Largest number of nested levels in a JSON file, so that recursive functions can process its value."""

LONGEST_REASON = 300
"""Largest number of characters of a library's error message that are quoted."""


class Unreadable(RptError):
    """A file cannot be read, or has the wrong content. The message names the file and the reason."""


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        Unreadable: The file is missing, is not UTF-8 text, is not JSON, or is nested too deeply.
    """
    refuse_pointer(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path}: is not UTF-8 text ({error.reason})") from error
    except json.JSONDecodeError as error:
        is_empty = not error.doc.strip()
        reason = "is empty" if is_empty else f"is not JSON ({error.msg}, line {error.lineno}, column {error.colno})"
        raise Unreadable(f"{path}: {reason}") from error
    except RecursionError as error:
        raise Unreadable(f"{path}: is nested too deeply") from error
    except (OSError, ValueError) as error:  # a number of too many digits raises a ValueError
        raise Unreadable(f"{path}: cannot be read ({reason_of(error)})") from error
    if _is_deep(value):
        raise Unreadable(f"{path}: is nested too deeply")
    return value


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds one object.

    Raises:
        Unreadable: The file cannot be read, or holds a JSON value that is not an object.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise Unreadable(f"{path}: holds a JSON {kind_of(value)}, where an object is expected")
    return value


def _is_deep(value: Any) -> bool:
    """Whether a JSON value has more than `MOST_LEVELS` levels of arrays and objects."""
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        level = [part for part in level if isinstance(part, dict | list)]
        level = [item for part in level for item in (part.values() if isinstance(part, dict) else part)]
    return bool(level)


def kind_of(value: object) -> str:
    """Return JSON's name for the type of a value that is not an object."""
    return JSON_KINDS.get(type(value), "number")


def refuse_pointer(path: Path) -> None:
    """Refuse a file that is a pointer of git-lfs, and a file that cannot be opened.

    Raises:
        Unreadable: The file is a pointer, or cannot be opened.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(LFS_POINTER))
    except (OSError, ValueError) as error:  # a path with a null character raises a ValueError
        raise Unreadable(f"{path}: cannot be read ({reason_of(error)})") from error
    if start == LFS_POINTER:
        raise Unreadable(f"{path}: is a pointer of git-lfs, not the file itself. Run git lfs pull in its folder")


def refuse_link_out(path: Path, folder: Path) -> None:
    """Refuse a file of a folder if it is a symbolic link, or lies behind one, that leads out of the folder.

    Raises:
        Unreadable: The path leads out of the folder, or its links form a loop.
    """
    try:
        is_inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:  # a loop of links raises a RuntimeError
        raise Unreadable(f"{path}: cannot be read ({reason_of(error)})") from error
    if not is_inside:
        raise Unreadable(f"{path}: is a link that leaves the folder {folder}")


def reason_of(error: BaseException) -> str:
    """Return an error's message on one line, shortened; the name of the error's type if there is no message."""
    text = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    line = " ".join(text.split()).rstrip(".")
    return (line[:LONGEST_REASON] + "..." if len(line) > LONGEST_REASON else line) or type(error).__name__
