"""`metrics.csv`: a row for every step and every evaluation, exact to the last bit and cut back on resume."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

from rpt.errors import CheckpointError
from rpt.tracking.files import storage

Row = dict[str, float | int]


class Curve:
    """A run's curve. Rows are kept in memory until `flush`, which a checkpoint calls first.

    So the file never lags behind a checkpoint, and the checkpoint's `size` says where to cut it on resume.
    """

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path = path
        self.columns = columns
        self.size = 0
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
            with self.path.open("ab") as file:
                if file.tell() < size:
                    advice = "Put the file back, or set rerun=true."
                    raise CheckpointError(f"{self.path}: is shorter than when the checkpoint was written. {advice}")
                file.truncate(size)
            self.size = size
            if size == 0:
                self._append([dict(zip(self.columns, self.columns, strict=True))])

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
        """Append all rows taken so far and sync them to disk."""
        with storage(self.path):
            self._append([{key: repr(value) for key, value in row.items()} for row in self._rows])
            self._rows = []

    def _append(self, rows: list[dict[str, str]]) -> None:
        text = io.StringIO()
        csv.DictWriter(text, self.columns, lineterminator="\n").writerows(rows)
        with self.path.open("ab") as file:
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())
            self.size = file.tell()


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
