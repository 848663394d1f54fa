"""Write a report's folder completely or not at all, and replace nothing except an earlier report.

`manifest.json` lists the files of a report with their sha256. Only listed files with unchanged content are ever
removed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rpt.report.read.run import StudyError
from rpt.system.lock import Lock
from rpt.system.writing import DRAFT, OTHER_OUT, draft_of, storage, write_atomic, write_json

MANIFEST = "manifest.json"

WAIT_SECONDS = 10.0
"""Longest wait, in seconds, for another process that writes the same report."""


def refuse_other_folder(out: Path) -> None:
    """Raise an error if a folder holds anything except an earlier report, because a new report replaces the folder.

    Raises:
        StudyError: The path is not a folder, or the folder holds a file that the manifest does not list or that has
            been changed.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir() or out.is_symlink():
        raise StudyError(f"{out}: is not a folder. Name another folder with --out.")
    listed = _listed(out)
    for path in _files(out):
        name = path.relative_to(out).as_posix()
        if name not in listed and name != MANIFEST:
            advice = "Name another folder with --out."
            raise StudyError(
                f"{out}: is not a report of rpt, because it holds {name}. A report replaces its folder. {advice}"
            )
        if not _is_listed(path, out, listed):
            advice = "Move the file away, or name another folder with --out."
            raise StudyError(f"{path}: was changed since the report was written, and would be replaced. {advice}")


def publish(out: Path, files: Mapping[str, bytes]) -> None:
    """Write a report's files into its folder, and replace an earlier report.

    Args:
        out: Folder of the report; created if it does not exist.
        files: Content of each file by its path below the folder.

    Raises:
        StudyError: The folder holds something other than a report, or another process writes this report.
        StorageError: The folder cannot be written.
    """
    with storage(out, OTHER_OUT):
        out.parent.mkdir(parents=True, exist_ok=True)
        out = out.absolute()  # the lock and the draft are named after the folder, and `.` has no name
        with _locked(out):
            refuse_other_folder(out)
            _remove_drafts(out)
            draft = Path(tempfile.mkdtemp(**draft_of(out)))
            try:
                draft.chmod(0o755)
                listed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
                # The manifest comes before the files, so that _remove_drafts can remove an unfinished draft.
                write_json(draft / MANIFEST, {"made_by": "rpt.report", "files": listed}, advice=OTHER_OUT)
                for name, content in files.items():
                    (draft / name).parent.mkdir(exist_ok=True)
                    write_atomic(draft / name, content, advice=OTHER_OUT)
                _put(draft, out)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    lock = Lock(out.with_name(f".{out.name}.lock"))
    if not lock.acquire(WAIT_SECONDS):
        raise StudyError(f"{out}: another process writes this report. Wait for it, or name another folder with --out.")
    try:
        yield
    finally:
        lock.release()


def _put(draft: Path, out: Path) -> None:
    """Move a complete temporary folder to the report's path; the earlier report is removed only after the move."""
    if not out.exists():
        draft.replace(out)
        return
    aside = Path(tempfile.mkdtemp(**draft_of(out)))
    out.replace(aside)  # allowed, because `aside` is an empty folder
    try:
        draft.replace(out)
    except BaseException:
        aside.replace(out)
        raise
    _remove(aside)


def _remove_drafts(out: Path) -> None:
    """Remove temporary folders of killed processes. The caller must hold the lock, so that no such folder is in use."""
    for folder in out.parent.glob(f".{out.name}.*.rpt-draft"):
        match = DRAFT.fullmatch(folder.name)
        if match is not None and match["name"] == out.name and folder.is_dir() and not folder.is_symlink():
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove the unchanged files of an earlier report, and then the empty folders."""
    listed = _listed(folder)
    with suppress(OSError):
        for path in _files(folder):
            if _is_listed(path, folder, listed):
                path.unlink()
        for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            path.rmdir()
        folder.rmdir()


def _files(folder: Path) -> list[Path]:
    """Return every file and link below a folder, the manifest last."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    return sorted(paths, key=lambda path: path == folder / MANIFEST)


def _listed(folder: Path) -> dict[str, str]:
    """Return the checksum of each file in a folder's manifest, by path; empty if there is no manifest of a report."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["made_by"] != "rpt.report":
            return {}
        return {str(name): str(sha256) for name, sha256 in manifest["files"].items()}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}


def _is_listed(path: Path, folder: Path, listed: Mapping[str, str]) -> bool:
    """Whether a file belongs to a report: the manifest, an unchanged listed file, or a draft of a listed file."""
    if path.is_symlink() or not path.is_file():
        return False
    draft = DRAFT.fullmatch(path.name)
    name = path.relative_to(folder).as_posix()
    if name == MANIFEST:
        return bool(listed)
    if draft is not None:
        return path.with_name(draft["name"]).relative_to(folder).as_posix() in listed
    return listed.get(name) == hashlib.sha256(path.read_bytes()).hexdigest()
