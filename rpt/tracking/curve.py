"""Write and read a run's curve, `metrics.csv`: a row for every step and every evaluation, exact to the last bit."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import BinaryIO

from rpt.errors import CheckpointError
from rpt.system.writing import storage

Row = dict[str, float | int]


class Curve:
    """Curve of a run. Rows are kept in memory until `flush`.

    A checkpoint calls `flush` first, so that the file holds all rows up to the checkpoint. The checkpoint stores
    `size`, and a resumed run truncates the file to that size.

    Args:
        path: Path of the CSV file.
        columns: Names of the columns.

    Attributes:
        size: Size of the file in bytes after the last write.
        is_torn: Whether the file was removed or shortened during training, so that earlier rows may be missing.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self.columns = columns
        self.size = 0
        self.is_torn = False
        self._rows: list[Row] = []

    def start(self, size: int) -> None:
        """Begin a new file, or truncate the file of an interrupted training.

        Args:
            size: Size in bytes to which the file is truncated; 0 for a new file.

        Raises:
            CheckpointError: The file is shorter than `size` or has different columns, because it was changed or
                removed, or because another version of rpt began it.
        """
        if size > 0:
            self._check_columns()
        with storage(self.path):
            if size > 0 and self._size_on_disk() < size:
                advice = "Put the file back, or set rerun=true."
                raise CheckpointError(f"{self.path}: is shorter than when the checkpoint was written. {advice}")
            with _appending(self.path) as file:
                file.truncate(size)
            self.size = size
            if size == 0:
                self._append([self._header()])

    def _check_columns(self) -> None:
        """Refuse a file with a different header, because new rows would be read under the wrong columns."""
        if not self.path.exists():
            return  # `start` reports the missing file
        with storage(self.path), self.path.open(encoding="utf-8") as file:
            header = file.readline().rstrip("\n")
        if header and header != ",".join(self.columns):
            advice = "Go on with the version that began the run, or set rerun=true."
            raise CheckpointError(f"{self.path}: has other columns than this version of rpt writes. {advice}")

    def add(self, row: Row) -> None:
        """Add a row. Columns without a value stay empty. Floats are written by `repr`, which keeps every bit."""
        self._rows.append(row)

    def flush(self) -> None:
        """Append all new rows to the file and sync it to disk.

        A file that was removed is begun anew with its header. A file that was truncated loses its incomplete last line.
        """
        rows = [{key: repr(value) for key, value in row.items()} for row in self._rows]
        with storage(self.path):
            size_on_disk = self._size_on_disk()
            kept_size = min(size_on_disk, self.size)  # bytes beyond `size` are from a write that failed
            if size_on_disk < self.size:
                self.is_torn = True
                kept_size = self.path.read_bytes().rfind(b"\n") + 1 if size_on_disk else 0
            if size_on_disk > kept_size:
                with _appending(self.path) as file:
                    file.truncate(kept_size)
            self._append(rows if kept_size > 0 else [self._header(), *rows])
            self._rows = []

    def _header(self) -> dict[str, str]:
        return dict(zip(self.columns, self.columns, strict=True))

    def _size_on_disk(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _append(self, rows: list[dict[str, str]]) -> None:
        text = io.StringIO()
        csv.DictWriter(text, self.columns, lineterminator="\n").writerows(rows)
        with _appending(self.path) as file:
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
            self.size = file.tell()


def _appending(path: Path) -> BinaryIO:
    """Open a file for appending. Links are not followed, because they may lead to a file outside the run's folder."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666), "ab")


def best_held_out(path: Path) -> float | None:
    """Read the best held-out score of a curve, 0 to 1; None without a score, or if the file cannot be read.

    Only complete lines are read, because a run may be writing the last line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
        return max((float(row["held_out/score"]) for row in rows if row.get("held_out/score")), default=None)
    except (OSError, ValueError, csv.Error):
        return None
