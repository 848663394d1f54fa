"""Recognise the rows of the official SuperGLUE release, and describe the origin of a run's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SUPERGLUE = "SuperGLUE"

CHECKSUMS = {
    "CB": "f10f5a7175e66a3b7c7cc44e13ca4eb6d3784d68956ac3d65360d86727d9ba56",
    "COPA": "7be1a457378d23a09115a9648de488aa5f82be630d3a0986093c7562bb1abc1c",
    "MultiRC": "f7f6484d7298a810cee79feec3e03ab6178a60330b0fada5c76401830f56a3b3",
    "RTE": "8b8b9d80518715a209d1c2911246cbd68e71427f42d3bf2d77e1adf6431b3296",
    "WSC": "3c11508c5804e84cd6fb58040da8897e2196dc1bee2c43eb743d3c39970fcb9d",
}
"""Checksums of the official train and validation rows (`rpt.data.sources.Source.checksum`), by folder."""

COUNTS = {"BoolQ": (9427, 3270), "ReCoRD": (100730, 10000), "WiC": (5428, 638)}
"""Official numbers of train and validation rows, for the folders that `CHECKSUMS` lacks. ReCoRD counts queries."""

FOLDERS = ("BoolQ", "CB", "COPA", "MultiRC", "ReCoRD", "RTE", "WiC", "WSC")
"""Folders of the eight tasks in the release."""


def release_of(folder: str, checksum: str, splits: Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]) -> str | None:
    """Name the release that rows belong to.

    Args:
        folder: Name of the task's folder below `data.root`.
        checksum: Checksum of all rows.
        splits: List of `(place, row)` for each of the splits `train` and `val`.

    Returns:
        `SuperGLUE` if the checksum is the official checksum. For a folder without a known checksum, the numbers of rows
        are compared instead. None for other rows and for a part of the official rows.
    """
    if folder in CHECKSUMS:
        return SUPERGLUE if checksum == CHECKSUMS[folder] else None
    counts = tuple(sum(map(_num_rows, splits[split])) for split in ("train", "val"))
    return SUPERGLUE if COUNTS.get(folder) == counts else None


def origin(task: str, source: str, release: str | None, folder: str | None) -> str:
    """Describe the origin of a run's rows.

    Args:
        task: Name of the task.
        source: Source of the rows: `sample`, `jsonl` or `hub`.
        release: Name of the release, if the rows are known to be the whole release. None for other rows and for old
            records.
        folder: Folder of the task in the release; None for old records.

    Returns:
        Text such as `SuperGLUE CB from jsonl` or `MRPC from jsonl`.
    """
    if source == "sample":
        return "SAMPLE rows made by this project, not SuperGLUE"
    folder = folder or task
    if release is not None:
        return f"{release} {folder} from {source}"
    if folder in FOLDERS:
        return f"{folder} from {source}, in SuperGLUE's layout, but not its complete official release"
    return f"{folder} from {source}"


def _num_rows(placed: tuple[str, Mapping[str, Any]]) -> int:
    """Return the number of queries of a ReCoRD row; 1 for a row of another task."""
    queries = placed[1].get("qas")
    return len(queries) if isinstance(queries, list) else 1
