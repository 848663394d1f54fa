"""A report's folder: written whole or not at all, over nothing but an earlier report.

`manifest.json` lists the files of a report with their sha256. Only listed files whose content is still the same are
ever removed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rpt.report.study import StudyError
from rpt.tracking.files import DRAFT, draft_of, storage, write_atomic, write_json
from rpt.tracking.lock import Lock

MANIFEST = "manifest.json"

WAIT_SECONDS = 10.0
"""How long another process that writes the same report is waited for."""


def refuse_other_folder(out: Path) -> None:
    """Refuse a folder that holds anything but an earlier report: a report replaces its folder.

    Raises:
        StudyError: It holds a file that its manifest does not list, or that was changed since.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir() or out.is_symlink():
        raise StudyError(f"{out}: is no folder. Name another place with --out.")
    listed = _listed(out)
    for path in _files(out):
        name = path.relative_to(out).as_posix()
        if name not in listed and name != MANIFEST:
            advice = "Name another folder with --out."
            raise StudyError(f"{out}: is no report of rpt, it holds {name}, and a report replaces its folder. {advice}")
        if not _is_listed(path, out, listed):
            advice = "Move the file away, or name another folder with --out."
            raise StudyError(f"{path}: was changed since the report was written, which would replace it. {advice}")


def publish(out: Path, files: Mapping[str, bytes]) -> None:
    """Put a report's files into its folder, in place of an earlier report's.

    Args:
        out: The folder; made if need be.
        files: Content by path below the folder.

    Raises:
        StudyError: The folder holds other things than a report, or another process writes this report.
        StorageError: The folder cannot be written.
    """
    with storage(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        out = out.absolute()  # `.` has no name of its own
        with _locked(out):
            refuse_other_folder(out)
            _remove_drafts(out)
            draft = Path(tempfile.mkdtemp(**draft_of(out)))
            try:
                draft.chmod(0o755)
                listed = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
                write_json(draft / MANIFEST, {"made_by": "rpt.report", "files": listed})  # first: see _remove_drafts
                for name, content in files.items():
                    (draft / name).parent.mkdir(exist_ok=True)
                    write_atomic(draft / name, content)
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
    """Put a finished folder in its place; the earlier one goes only when the new one is there."""
    if not out.exists():
        draft.replace(out)
        return
    aside = Path(tempfile.mkdtemp(**draft_of(out)))
    out.replace(aside)  # onto an empty folder
    try:
        draft.replace(out)
    except BaseException:
        aside.replace(out)
        raise
    _remove(aside)


def _remove_drafts(out: Path) -> None:
    """Remove what a killed process has left of this report; the caller holds the report's lock, so nobody uses it."""
    for folder in out.parent.glob(f".{out.name}.*.rpt-draft"):
        found = DRAFT.fullmatch(folder.name)
        if found is not None and found["name"] == out.name and folder.is_dir() and not folder.is_symlink():
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a report's files and then its folders, as far as they hold nothing else."""
    listed = _listed(folder)
    with suppress(OSError):
        for path in _files(folder):
            if _is_listed(path, folder, listed):
                path.unlink()
        for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            path.rmdir()
        folder.rmdir()


def _files(folder: Path) -> list[Path]:
    """Every file and link below a folder, the manifest last."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]
    return sorted(found, key=lambda path: path == folder / MANIFEST)


def _listed(folder: Path) -> dict[str, str]:
    """The files of a folder's manifest; none where it has no manifest of a report."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if found["made_by"] != "rpt.report":
            return {}
        return {str(name): str(sha256) for name, sha256 in found["files"].items()}
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return {}


def _is_listed(path: Path, folder: Path, listed: Mapping[str, str]) -> bool:
    """Whether a file is as the manifest says; the manifest of a report itself is, too, and a draft of a listed file."""
    if path.is_symlink() or not path.is_file():
        return False
    draft = DRAFT.fullmatch(path.name)
    name = path.relative_to(folder).as_posix()
    if name == MANIFEST:
        return bool(listed)
    if draft is not None:
        return path.with_name(draft["name"]).relative_to(folder).as_posix() in listed
    return listed.get(name) == hashlib.sha256(path.read_bytes()).hexdigest()
