"""Read the hub's copy of SuperGLUE from disk, or fetch it once. `datasets` streams the rows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rpt.data.hub_rows import canonical, label_names
from rpt.data.jsonl import SPLITS
from rpt.errors import DataError

REVISIONS = ("main", "refs/convert/parquet")
"""Revisions that may hold Parquet files: the data set itself, and the hub's automatic Parquet copy."""

VIEW_SPLITS = {"train": "train", "val": "validation"}
"""Name of a split in the hub's copy, by its name in the release."""

SHARD = re.compile(r"-of-(\d+)\.parquet$")

INSTEAD = "Use data=jsonl with the official release instead"


def hub_rows(hub_id: str, folder: str) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    """Open a task's splits in the hub's copy (below: the view), as rows of the official release.

    Rows are read lazily, so a split is never completely in memory.

    Args:
        hub_id: Name of the data set on the hub, or a local folder with a folder of Parquet files for each task.
        folder: Name of the task's folder in the release: `CB`, `MultiRC`, ...

    Returns:
        Iterator of `(place, row)` by name of the split, `train` and `val`. The place names the row in messages.

    Raises:
        DataError: The view can be neither found nor fetched, is damaged, or has another layout. Iterating over the rows
            may raise the error too.
    """
    # For WSC, the view `wsc` is taken instead of `wsc.fixed`, which changes texts of the release.
    config = folder.lower()
    files = _find(hub_id, config)
    view = _open(hub_id, files)
    names = label_names(folder)
    for split in view.values():
        stored_names = getattr((split.features or {}).get("label"), "names", names)
        if stored_names != names:
            raise DataError(
                f"{hub_id}/{config}: numbers its labels as {stored_names}, but rpt expects {names}. {INSTEAD}."
            )
    return {
        split: canonical(folder, _placed(view, f"{hub_id}/{config}", files[split], VIEW_SPLITS[split]))
        for split in SPLITS
    }


def _open(hub_id: str, files: dict[str, list[Path]]) -> Any:
    """Open the splits of the hub's copy, as data sets that stream their rows."""
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    from datasets import load_dataset  # type: ignore[import-untyped]

    by_name = {VIEW_SPLITS[split]: [str(path) for path in paths] for split, paths in files.items()}
    try:
        return load_dataset("parquet", data_files=by_name, streaming=True)
    except (OSError, ValueError) as error:  # pyarrow's errors are subclasses of these
        raise DataError(f"{hub_id}: cannot be read ({_line(error)}). Fetch it again. {INSTEAD}.") from error


def _placed(view: Any, origin: str, files: list[Path], split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(place, row)` for each row of a split. The place names the split and the row's number, from 1."""
    try:
        # Read each row group by itself, because pyarrow otherwise reads ahead into up to a gigabyte of memory.
        for number, row in enumerate(view[split].reshard(), start=1):
            yield f"{origin}/{split}:{number}", row
    except (OSError, ValueError) as error:
        where = ", ".join(map(str, files))
        raise DataError(f"{origin}/{split}: {where} cannot be read ({_line(error)}). Fetch it again.") from error


def _find(hub_id: str, config: str) -> dict[str, list[Path]]:
    """Find the Parquet files of the splits in a local folder or in the hub's cache, and fetch files that it lacks."""
    if Path(hub_id).is_dir():
        files = _split_files(Path(hub_id, config))
        if files is None:
            patterns = f"{config}/train-00000-of-00001.parquet and {config}/validation-00000-of-00001.parquet"
            raise DataError(
                f"data.hub_id={hub_id}: lacks files such as {patterns}. Complete the folder, or use data=jsonl."
            )
        return files
    for fetch in (False, True):  # the cache comes first, so that the network is used only for missing files
        for revision in REVISIONS:
            files = _snapshot(hub_id, config, revision, fetch=fetch)
            if files is not None:
                return files
    raise DataError(f"data.hub_id={hub_id}: lacks Parquet files of {config}. {INSTEAD}.")


def _snapshot(hub_id: str, config: str, revision: str, *, fetch: bool) -> dict[str, list[Path]] | None:
    """Return the files of a revision; None if the revision does not exist, is incomplete, or is not in the cache.

    Files are downloaded only with `fetch`.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RevisionNotFoundError
    from huggingface_hub.errors import HTTPError as TransportError  # type: ignore[attr-defined]  # httpx's or httpx2's

    patterns = [f"{config}/*.parquet"]
    try:
        root = snapshot_download(
            hub_id, repo_type="dataset", revision=revision, allow_patterns=patterns, local_files_only=not fetch
        )
    except HFValidationError as error:
        raise DataError(
            f"data.hub_id={hub_id}: is neither a folder nor a data set. Set data.hub_id=aps/super_glue."
        ) from error
    except RevisionNotFoundError:
        return None
    except (OSError, TransportError) as error:
        if not fetch and isinstance(error, LocalEntryNotFoundError):
            return None
        raise _unreachable(hub_id, config, error) from error
    return _split_files(Path(root, config))


def _unreachable(hub_id: str, config: str, error: Exception) -> DataError:
    from huggingface_hub import constants

    reason = (
        "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"it cannot be fetched from the hub ({_line(error)})"
    )
    advice = f"{INSTEAD}, or run once where the hub can be reached."
    return DataError(
        f"data.hub_id={hub_id}: {config} is missing or incomplete in the local cache, and {reason}. {advice}"
    )


def _split_files(folder: Path) -> dict[str, list[Path]] | None:
    """Return the Parquet files by split; None if a split or a part of a split is missing.

    Three layouts are known: `cb/train-00000-of-00001.parquet`, `cb/train/0000.parquet`, `cb/super_glue-train.parquet`.
    """
    paths = sorted(folder.rglob("*.parquet"))
    files = {
        split: [path for path in paths if name in str(path.relative_to(folder))] for split, name in VIEW_SPLITS.items()
    }
    return files if all(map(_is_whole, files.values())) else None


def _is_whole(paths: list[Path]) -> bool:
    """Check that all parts of a split exist. An interrupted download may lack parts."""
    parts = [int(shard[1]) for path in paths if (shard := SHARD.search(path.name))]
    return bool(paths) and all(count == len(paths) for count in parts)


def _line(error: Exception) -> str:
    """Return the first line of an error's message, without its full stop."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].removeprefix("Got: ").rstrip(".")
