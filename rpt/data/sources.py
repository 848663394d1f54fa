"""Sources of rows: the packaged sample rows, the official release on disk, and the hub's copy of the release."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from rpt.data.hub import hub_rows
from rpt.data.jsonl import SPLITS, read_rows, split_path
from rpt.data.release import release_of
from rpt.errors import DataError

ReleaseRows = list[tuple[str, dict[str, Any]]]

SAMPLES = Path(__file__).parent / "samples"
"""Folder of the packaged sample rows, in the layout of the official release. `versions.json` holds their versions."""

UNREAD = ("source", "version")
"""Top-level keys of the release that the checksum leaves out, because the hub's copy lacks them."""


@dataclass(frozen=True)
class Source:
    """The labelled splits of one task.

    Attributes:
        name: Name of the source in records and reports: `sample`, `jsonl` or `hub`.
        version: Version of the packaged sample rows; None for every other source.
        checksum: sha256 over the rows of all splits, in order and in the release's form. It does not depend on the
            files' format.
        splits: List of `(place, row)` for each of the splits `train` and `val`.
        release: `SuperGLUE` if the rows are known to be the whole official release; None for all other rows.
    """

    name: str
    version: int | None
    checksum: str
    splits: dict[str, ReleaseRows]
    release: str | None = None


def sample_versions() -> dict[str, int]:
    """Read the version of each task's sample rows, by the task's folder in the release."""
    versions: dict[str, int] = json.loads((SAMPLES / "versions.json").read_text(encoding="utf-8"))
    return versions


def sample_source(folder: str, max_rows: int | None = None) -> Source:
    """Read the packaged sample rows of a task.

    Args:
        folder: Name of the task's folder in the release, such as `CB`.
        max_rows: Number of lines to read from the beginning of each file; None for all lines.
    """
    made = jsonl_source(str(SAMPLES), folder, max_rows)
    return replace(made, name="sample", version=sample_versions()[folder], release=None)


def jsonl_source(root: str, folder: str, max_rows: int | None = None) -> Source:
    """Read rows of the official release, or a user's own rows, from `root/folder/{train,val}.jsonl`.

    Args:
        root: Path of the folder that holds the tasks' folders.
        folder: Name of the task's folder.
        max_rows: Number of rows to take from the beginning of each file; None for all rows. A row of MultiRC or ReCoRD
            is a whole passage.

    Raises:
        DataError: A file cannot be read, a line is not a JSON object, or a split is empty.
    """
    splits: dict[str, ReleaseRows] = {}
    for split in SPLITS:
        path = split_path(root, folder, split)
        splits[split] = _first(read_rows(path), max_rows)
        if not splits[split]:
            raise DataError(f"{path}: is empty. Write one JSON object a line, or download the file again.")
    checksum = _checksum(splits)
    return Source("jsonl", None, checksum, splits, release_of(folder, checksum, splits))


def hub_source(hub_id: str, folder: str, max_rows: int | None = None) -> Source:
    """Read rows of the hub's copy, and turn them back into rows of the official release.

    Args:
        hub_id: Name of the data set on the hub, or a local folder in its layout.
        folder: Name of the task's folder in the release.
        max_rows: Number of rows of the release to take from the beginning of each split; None for all rows.

    Raises:
        DataError: The copy cannot be found, fetched or read, a row has another form, or a split is empty.
    """
    splits = {split: _first(rows, max_rows) for split, rows in hub_rows(hub_id, folder).items()}
    for split, rows in splits.items():
        if not rows:
            raise DataError(
                f"{hub_id}/{folder.lower()}: its {split} split is empty. Fetch it again, or use data=jsonl."
            )
    checksum = _checksum(splits)
    return Source("hub", None, checksum, splits, release_of(folder, checksum, splits))


def _first(rows: Iterable[tuple[str, dict[str, Any]]], max_rows: int | None) -> ReleaseRows:
    return list(islice(rows, max_rows))


def _checksum(splits: dict[str, ReleaseRows]) -> str:
    digest = hashlib.sha256()
    for split in SPLITS:
        for _, row in splits[split]:
            read = {key: value for key, value in row.items() if key not in UNREAD}
            digest.update(json.dumps(read, sort_keys=True, ensure_ascii=False).encode())
            digest.update(b"\n")
        digest.update(b"\0")
    return digest.hexdigest()
