"""The ledger: the list of a sweep's runs, and the state of each run.

The hash of a sweep is computed from its runs. The file `OUTPUT_DIR/sweeps/HASH.json` lists the runs and is never
changed. The state of a run is not in this file: it is read from the run's folder. A point that cannot be composed, or
whose rows or weights cannot be read, has no identity and is not listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os.path import relpath
from pathlib import Path
from typing import Any

from rpt.errors import RptError
from rpt.sweep.prepare import Prepared
from rpt.system.reading import Unreadable, read_object
from rpt.system.writing import storage, write_json
from rpt.tracking.identity import READABLE, SCHEMA, digest
from rpt.tracking.kinds import LIST, TEXT, WHOLE, Kind, problems_of
from rpt.tracking.run_state import RunState, read_state

FOLDER = "sweeps"
LEDGER_SCHEMA = 1
"""Version of the ledger's file format. The file also holds `SCHEMA`, the version of run identities."""


class LedgerError(RptError):
    """A ledger cannot be read, or was written by another version."""


@dataclass(frozen=True)
class Entry:
    """One run of a sweep.

    Attributes:
        name: Overrides that distinguish the run's point from the other points of the sweep.
        identity: Identity hash of the run (`rpt.tracking.identity`).
        folder: Path of the run's folder.
    """

    name: str
    identity: str
    folder: Path


@dataclass(frozen=True)
class Sweep:
    """The runs of a sweep.

    Attributes:
        path: File that lists the sweep's runs.
        started: Time of the sweep's first start, ISO 8601, UTC.
        entries: Runs of the sweep, in the order of their points.
    """

    path: Path
    started: str
    entries: tuple[Entry, ...]

    def states(self) -> dict[str, RunState]:
        """Read the present state of each run, by identity hash."""
        return {entry.identity: read_state(entry.folder) for entry in self.entries}


def register(runs: Sequence[Prepared], output_dir: Path) -> Sweep:
    """Write the file of a sweep, unless an earlier command has written it, and return its content.

    Raises:
        LedgerError: The file exists and cannot be read.
        StorageError: The file cannot be written.
    """
    name = digest({"runs": sorted(run.identity_hash for run in runs)})[:16]
    path = output_dir / FOLDER / f"{name}.json"
    if path.exists():
        return read(path)
    entries = [
        {"name": run.point.name, "identity": run.identity_hash, "folder": relpath(run.folder, output_dir)}
        for run in runs
    ]
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"ledger": LEDGER_SCHEMA, "schema": SCHEMA, "started": started, "points": entries})
    return read(path)


def read(path: Path) -> Sweep:
    """Read a sweep's file.

    Raises:
        LedgerError: The file is damaged, or was written by another version.
    """
    try:
        content = read_object(path)
    except Unreadable as error:
        raise LedgerError(f"{path}: is no ledger of rpt ({error}). {_ADVICE}") from error
    _refuse(path, "is no ledger of rpt", content, _VERSIONS)
    versions = (content["ledger"], content["schema"])
    if versions[0] != LEDGER_SCHEMA or versions[1] not in READABLE:
        readable = f"{LEDGER_SCHEMA}, and {' or '.join(map(str, READABLE))}"
        written = f"was written by another version (schemas {versions[0]} and {versions[1]}; this rpt reads {readable})"
        raise LedgerError(f"{path}: {written}. {_ADVICE}")
    _refuse(path, "is damaged", content, _OF_A_SWEEP)
    entries = (_entry(path, number, point) for number, point in enumerate(content["points"], 1))
    return Sweep(path, content["started"], tuple(entries))


def sweeps(output_dir: Path) -> tuple[list[Sweep], list[LedgerError]]:
    """Read all sweeps of an output folder, the oldest first, and collect the errors of files that cannot be read."""
    readable, errors = [], []
    for path in sorted((output_dir / FOLDER).glob("*.json")):
        try:
            readable.append(read(path))
        except LedgerError as error:
            errors.append(error)
    return sorted(readable, key=lambda sweep: sweep.started), errors


_ADVICE = "Move it away and start the sweep again: finished runs are found by their folders."


_VERSIONS = {"ledger": WHOLE, "schema": WHOLE}
_OF_A_SWEEP = {"started": TEXT, "points": LIST}
_OF_A_RUN = {"name": TEXT, "identity": TEXT, "folder": TEXT}


def _entry(path: Path, number: int, point: Any) -> Entry:
    _refuse(path, f"is damaged in run {number}", point, _OF_A_RUN)
    return Entry(point["name"], point["identity"], path.parent.parent / point["folder"])


def _refuse(path: Path, statement: str, value: Any, kinds: Mapping[str, Kind]) -> None:
    """Refuse a part of a ledger in which a value is missing or of the wrong kind.

    Args:
        path: File of the ledger, for the message.
        statement: Statement about the file for the message, such as `is damaged`.
        value: Part of the ledger.
        kinds: Kind of each value that the part must hold, by key.

    Raises:
        LedgerError: A value is missing or of the wrong kind.
    """
    missing, odd = problems_of(value, kinds)
    if missing or odd:
        reason = f"it has no {', '.join(missing)}" if missing else "; ".join(odd)
        raise LedgerError(f"{path}: {statement} ({reason}). {_ADVICE}")
