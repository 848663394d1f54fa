"""Where rows come from: this project's own sample generator, or the official release on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rpt.data.files import SPLITS, read_rows, split_path
from rpt.data.samples import GENERATORS
from rpt.errors import DataError

Rows = list[tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Source:
    """The labelled splits of one task.

    Attributes:
        name: `sample` or `jsonl`, as records and reports say it.
        version: Of the generator; None for rows that it did not make.
        checksum: sha256 over the rows of all splits, in order, whatever file they came from.
        splits: `train` and `val`, each a list of `(place, row)`.
    """

    name: str
    version: int | None
    checksum: str
    splits: dict[str, Rows]


def sample_source(task: str, seed: int) -> Source:
    """Rows made by the task's own generator."""
    generator = GENERATORS[task]
    made = generator.rows(seed)
    splits = {split: list(_placed(made[split], f"sample:{task}/{split}")) for split in SPLITS}
    return Source("sample", generator.version, _checksum(splits), splits)


def jsonl_source(root: str, folder: str) -> Source:
    """Rows of the official release in `root/folder/{train,val}.jsonl`.

    Raises:
        DataError: A file cannot be read, a line is not a JSON object, or a split is empty.
    """
    splits: dict[str, Rows] = {}
    for split in SPLITS:
        path = split_path(root, folder, split)
        splits[split] = list(read_rows(path))
        if not splits[split]:
            raise DataError(f"{path}: is empty; the official {folder}/{path.name} has one row a line.")
    return Source("jsonl", None, _checksum(splits), splits)


def _placed(rows: list[dict[str, Any]], place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((f"{place}:{number}", row) for number, row in enumerate(rows, start=1))


def _checksum(splits: dict[str, Rows]) -> str:
    digest = hashlib.sha256()
    for split in SPLITS:
        for _, row in splits[split]:
            digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False).encode())
            digest.update(b"\n")
        digest.update(b"\0")
    return digest.hexdigest()
