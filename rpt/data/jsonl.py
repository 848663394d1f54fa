"""Find and read the JSONL files of a task's splits, in the layout of the official release."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rpt.errors import DataError
from rpt.system.reading import Unreadable, kind_of, reason_of, refuse_pointer

SPLITS = ("train", "val")
"""Names of the splits that a run reads. The file of a split has the same name."""


def split_path(root: str, folder: str, split: str) -> Path:
    """Return the path of a split's file: `ROOT/CB/train.jsonl`, or `ROOT/CB/train.jsonl.gz` if only that exists."""
    plain = Path(root) / folder / f"{split}.jsonl"
    packed = plain.with_name(f"{plain.name}.gz")
    return packed if packed.is_file() and not plain.exists() else plain


def read_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(place, row)` for each line of a JSONL file; `place` is `file:line`, for messages.

    Args:
        path: Path of the file. A file whose name ends in `.gz` is unpacked while it is read.

    Raises:
        DataError: The file cannot be read or unpacked, is not UTF-8, or a line is not one JSON object.
    """
    try:
        refuse_pointer(path)
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{path}:{number}", parse_line(line, f"{path}:{number}")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error.reason}). Download the file again.") from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be unpacked ({error}). Download the file again.") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason_of(error)}).") from error
    except Unreadable as error:
        raise DataError(f"{error}.") from error


def parse_line(line: str, place: str) -> dict[str, Any]:
    """Parse a line of a JSONL file.

    Args:
        line: Text of the line.
        place: File and line, `file:line`, for messages.

    Raises:
        DataError: The line is not one JSON object.
    """
    again = "Download the file again, or correct the line."
    try:
        row = json.loads(line)
        if "\\ud" in line.lower():  # half of a surrogate pair is valid JSON but cannot be encoded as UTF-8
            json.dumps(row, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: is not JSON ({error.msg}, column {error.colno}). {again}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place}: cannot be read ({error}). {again}") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: holds a JSON {kind_of(row)}, where one object per line is expected. {again}")
    return row
