"""The official release's files: where a split lies, and its rows with their places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rpt.errors import DataError

SPLITS = ("train", "val")
"""The splits that a training needs, by their file names."""


def split_path(root: str, folder: str, split: str) -> Path:
    """The file of one split, e.g. `ROOT/CB/train.jsonl`."""
    return Path(root) / folder / f"{split}.jsonl"


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(place, row)` for each line of a JSONL file; `place` is `file:line`, for messages.

    Raises:
        DataError: The file cannot be read, is not UTF-8, or a line is not one JSON object.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{path}:{number}", _object(line, f"{path}:{number}")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason}). Download the file again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _object(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: is not JSON ({error.msg}, column {error.colno}).") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: holds a JSON {type(row).__name__}, where one object per line is expected.")
    return row
