"""`metrics.csv`: a row for every step and every evaluation, exact to the last bit and cut back on resume."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import BinaryIO

from rpt.errors import CheckpointError
from rpt.tracking.files import storage

Row = dict[str, float | int]


class Curve:
    """A run's curve. Rows are kept in memory until `flush`, which a checkpoint calls first.

    So the file never lags behind a checkpoint, and the checkpoint's `size` says where to cut it on resume.

    Attributes:
        size: Bytes of the file, as far as this object has written it.
        is_torn: Whether somebody has removed or changed the file meanwhile, so that earlier rows may be missing.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self.columns = columns
        self.size = 0
        self.is_torn = False
        self._rows: list[Row] = []

    def start(self, size: int) -> None:
        """Begin anew (`size` 0), or go on from a file cut back to its first `size` bytes.

        Raises:
            CheckpointError: The file is shorter than that, or has other columns: somebody has changed or removed it,
                or another version of rpt began it.
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
        """Rows under another header would be read as other numbers."""
        if not self.path.exists():
            return  # `start` says so
        with storage(self.path), self.path.open(encoding="utf-8") as file:
            found = file.readline().rstrip("\n")
        if found and found != ",".join(self.columns):
            advice = "Go on with the version that began the run, or set rerun=true."
            raise CheckpointError(f"{self.path}: has other columns than this version of rpt writes. {advice}")

    def add(self, row: Row) -> None:
        """Take a row; columns that it does not name stay empty. Floats are written so that they read back exact."""
        self._rows.append(row)

    def flush(self) -> None:
        """Append all rows taken so far and sync them to disk.

        A file that was removed begins anew with its header; one that was cut loses what is left of its last line.
        """
        rows = [{key: repr(value) for key, value in row.items()} for row in self._rows]
        with storage(self.path):
            found = self._size_on_disk()
            whole = min(found, self.size)  # what lies beyond is of a write that failed in its middle
            if found < self.size:
                self.is_torn = True
                whole = self.path.read_bytes().rfind(b"\n") + 1 if found else 0
            if found > whole:
                with _appending(self.path) as file:
                    file.truncate(whole)
            self._append(rows if whole > 0 else [self._header(), *rows])
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
    """Open a file for appending; no link is followed, which may lead to a file of somebody else's."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o666), "ab")


def best_held_out(path: Path) -> float | None:
    """The best held-out score that a curve has so far, 0 to 1; None where it has none, or cannot be read.

    Only whole lines count: a run may be writing the last one.
    """
    try:
        text = path.read_text(encoding="utf-8")
        rows = csv.DictReader(io.StringIO(text[: text.rfind("\n") + 1]))
        return max((float(row["held_out/score"]) for row in rows if row.get("held_out/score")), default=None)
    except (OSError, ValueError, csv.Error):
        return None
