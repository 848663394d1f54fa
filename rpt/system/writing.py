"""Write files atomically: a file is written completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rpt.errors import StorageError


def _mode() -> int:
    """Return the permission bits that `open` gives a new file. The umask can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o666 & ~mask


MODE = _mode()

ESCAPED = re.compile("[\x85\u2028\u2029\ud800-\udfff]")
"""Characters that are written as `\\uXXXX`: line ends by Unicode's rules, and halves of surrogate pairs, which UTF-8
cannot hold."""

DRAFT = re.compile(r"\.(?P<name>.+)\.[a-z0-9_]{8}\.rpt-draft")
"""Pattern of the names of drafts: temporary files and folders, which are renamed to `name` when complete."""


def draft_of(path: Path) -> dict[str, Any]:
    """Return folder, prefix and suffix of a temporary file that is later renamed, as arguments for `tempfile`."""
    return {"dir": path.parent, "prefix": f".{path.name}.", "suffix": ".rpt-draft"}


TRAIN_ON = "Free some space or set output_dir=DIR, then run the same command again: it continues."
"""Advice if a file of a training cannot be written."""

OTHER_OUTPUT = "Free some space or name another path with --output, then run the same command again."
"""Advice if a file or folder that a command names with `--output` cannot be written."""

OTHER_OUT = "Free some space or name another folder with --out, then run the same command again."
"""Advice if a folder that a command names with `--out` cannot be written."""


@contextlib.contextmanager
def storage(path: Path, advice: str = TRAIN_ON) -> Iterator[None]:
    """Turn an OSError of the block into a StorageError with the path and advice.

    Args:
        path: Path that the block writes.
        advice: Sentence that says what the user can do. The default is the advice for a file of a training.

    Raises:
        StorageError: The block has raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror or error}). {advice}") from error


def check_folder(path: Path, advice: str) -> None:
    """Check that a folder can be created, before the work whose results it is to hold. Nothing is left behind.

    Args:
        path: Path of the folder. Folders above it may be missing.
        advice: Sentence that says what the user can do.

    Raises:
        StorageError: The nearest existing folder cannot be written, or a file is in its place.
    """
    with storage(path, advice):
        existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
        tempfile.TemporaryFile(dir=existing).close()


def write_atomic(
    path: Path, content: bytes, *, keep: Path | None = None, is_synced: bool = True, advice: str = TRAIN_ON
) -> None:
    """Write a file completely or not at all: write a temporary file, then rename it to `path`.

    Args:
        path: Path of the file.
        content: Complete content of the file.
        keep: Path to which an existing file at `path` is renamed first; None to replace the existing file. A process
            that is killed between the two renames leaves the old file at `keep` and no file at `path`. A reader must
            therefore look for the file at `path` and at `keep`.
        is_synced: Whether the content is on disk when the function returns. With False, which is faster, the file may
            be empty or damaged after a power failure, so that a reader must compare a checksum.
        advice: Sentence that says what the user can do if the file cannot be written.

    Raises:
        StorageError: The disk is full, or the folder cannot be written. The content of an existing file is not lost.
    """
    with storage(path, advice):
        handle, name = tempfile.mkstemp(**draft_of(path))
        draft = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, MODE)  # only the owner can read a temporary file; results follow the umask
                file.write(content)
                file.flush()
                if is_synced:
                    os.fsync(file.fileno())
            if keep is not None and path.exists():
                path.replace(keep)
            draft.replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()
            raise
        if is_synced:
            _sync_folder(path.parent)


class _Draft(io.FileIO):
    """Temporary file whose failed writes raise a StorageError with the path of the final file."""

    def __init__(self, handle: int, path: Path, advice: str) -> None:
        super().__init__(handle, "wb")
        self._path = path
        self._advice = advice

    def write(self, content: Any, /) -> int:
        with storage(self._path, self._advice):
            return super().write(content)


@contextlib.contextmanager
def writing_atomically(path: Path, advice: str = OTHER_OUTPUT) -> Iterator[BinaryIO]:
    """Open a binary file that appears at its path only if the block ends without an exception.

    The path is checked before the block begins, so that a command can open its output before hours of work.

    Args:
        path: Path of the file. An existing file is replaced.
        advice: Sentence that says what the user can do if the file cannot be written.

    Raises:
        StorageError: The disk is full, the path is a folder, or the folder above is missing or cannot be written. An
            existing file stays unchanged.
    """
    with storage(path, advice):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        handle, name = tempfile.mkstemp(**draft_of(path))
    draft = Path(name)
    try:
        with io.BufferedWriter(_Draft(handle, path, advice)) as file:
            os.fchmod(handle, MODE)
            yield file
            file.flush()
            with storage(path, advice):
                os.fsync(handle)
        with storage(path, advice):
            draft.replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        raise


@contextlib.contextmanager
def folder_at_once(path: Path, advice: str = OTHER_OUTPUT) -> Iterator[Path]:
    """Yield a temporary folder, and rename it to `path` if the block ends without an exception.

    Args:
        path: Path of the folder, which must not exist.
        advice: Sentence that says what the user can do if the folder cannot be written.

    Raises:
        StorageError: The disk is full, or the folder cannot be written. No part of the folder is left behind.
    """
    with storage(path, advice):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(**draft_of(path)))
        try:
            yield draft
            draft.chmod(MODE | (MODE & 0o444) >> 2)  # whoever can read the files can enter the folder
            draft.replace(path)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise


def write_json(path: Path, value: Any, *, advice: str = TRAIN_ON) -> None:
    """Write indented JSON atomically; NaN and infinity become null, because JSON has no such numbers.

    Args:
        path: Path of the file.
        value: Value of plain types.
        advice: Sentence that says what the user can do if the file cannot be written.

    Raises:
        StorageError: The disk is full, or the folder cannot be written.
    """
    write_atomic(path, (as_json(value, indent=2) + "\n").encode(), advice=advice)


def write_json_lines(path: Path, values: list[dict[str, Any]]) -> None:
    """Write a file with a JSON object on each line, atomically."""
    write_atomic(path, "".join(f"{as_json(value)}\n" for value in values).encode())


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read the objects of a file that `write_json_lines` has written.

    Only a line feed ends a line, because JSON may hold other characters that Unicode counts as line ends.

    Raises:
        OSError: The file cannot be read.
        ValueError: A line is not JSON, or holds no object.
    """
    with path.open(encoding="utf-8") as lines:
        return [_object(number, line) for number, line in enumerate(lines, 1)]


def _object(number: int, line: str) -> dict[str, Any]:
    try:
        value: Any = json.loads(line)
    except RecursionError as error:
        raise ValueError(f"line {number} is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"line {number} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"line {number} holds no object")
    return value


def as_json(value: Any, indent: int | None = None) -> str:
    """Format a value as JSON, on one line or indented; NaN and infinity become null."""
    text = json.dumps(_finite(value), indent=indent, ensure_ascii=False)
    return ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    is_odd = isinstance(value, float) and (value != value or value in (float("inf"), float("-inf")))
    return None if is_odd else value


def _sync_folder(folder: Path) -> None:
    """Sync a folder to disk, so that a rename in it survives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
