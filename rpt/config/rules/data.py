"""Rule about the source of the rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rpt.config.paths import is_too_long
from rpt.config.problems import hinted
from rpt.config.rules.candidate import Candidate
from rpt.data.jsonl import SPLITS, split_path
from rpt.data.release import FOLDERS
from rpt.data.sources import sample_versions
from rpt.errors import Problem


def data_is_there(candidate: Candidate) -> Iterator[Problem]:
    """Check that the chosen source has rows of the task, and that `data.root` is not set for sample rows."""
    data, name, folder = candidate.config.data, candidate.config.task.name, candidate.config.task.folder
    if data.source == "jsonl":
        yield from _release_is_there(data.root, folder)
    elif data.source == "hub":
        if folder not in FOLDERS:
            advice = f"has only the folders {', '.join(FOLDERS)}, and task={name} needs {folder}. "
            advice += "Set data=jsonl data.root=DIR."
            yield Problem("data", "hub", advice)
        if data.hub_id is None:
            yield Problem("data.hub_id", None, "needs a value. Set data.hub_id=aps/super_glue.")
    else:
        if folder not in sample_versions():
            folders = ", ".join(sorted(sample_versions()))
            advice = f"has only the folders {folders}, and task={name} needs {folder}. Set data=jsonl data.root=DIR."
            yield Problem("data", "sample", advice)
        if data.root is not None:
            advice = "data=sample reads no files. Set data=jsonl to train on that folder, or leave data.root out."
            yield Problem("data.root", data.root, advice)


def _release_is_there(root: str | None, folder: str) -> Iterator[Problem]:
    if root is None:
        yield Problem("data.root", None, hinted("data.root", "needs a value."))
        return
    if is_too_long(f"{root}/{folder}"):
        return  # `names_are_short` refuses the path
    if not Path(root).is_dir():
        yield Problem("data.root", root, hinted("data.root", "there is no such folder."))
        return
    for split in SPLITS:
        path = split_path(root, folder, split)
        if path.is_file():
            continue
        partial = path.with_name(f"{split}.partial.jsonl")
        lacks = f"there is no {folder}/{path.name} in it, nor {path.name}.gz."
        if partial.is_file():
            lacks = f"there is only {folder}/{partial.name} in it, a part of the official {path.name} that is not read."
        advice = f"Unpack the official {folder}.zip there." if folder in FOLDERS else "Put the task's rows there."
        yield Problem("data.root", root, f"{lacks} {advice}")
        return
