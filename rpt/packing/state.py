"""What a run's folder says of the run: the ledger keeps no state of its own that could contradict it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rpt.errors import StorageError
from rpt.objective import objective
from rpt.tracking.folder import RunFolder

Name = Literal["done", "running", "failed", "interrupted", "missing"]

NAMES: tuple[Name, ...] = ("done", "running", "failed", "interrupted", "missing")


@dataclass(frozen=True)
class State:
    """Where a run stands.

    Attributes:
        name: `done`; `running`: a living process holds its folder; `failed`; `interrupted`: begun, and nobody goes on
            with it; `missing`: never begun.
        score: The task's score on the reported rows, 0 to 1, where it is done.
        error: Why it failed or was interrupted, where its record says so.
        is_bug: Whether its own code raised.
        holder: Who trains it, where it is running.
        members: Identities of the pack that it was interrupted in, which goes on whole; empty where it has no
            checkpoint that it could go on from.
        objective: The score that a sweeper maximises (`rpt.objective`), 0 to 1, where the run is done.
    """

    name: Name
    score: float | None = None
    error: str | None = None
    holder: str | None = None
    members: tuple[str, ...] = ()
    is_bug: bool = False
    objective: float | None = None


def state_of(folder: Path) -> State:
    """Read a run's state; a folder whose record cannot be read counts as failed, because training would refuse it."""
    place = RunFolder(folder)
    holder = place.holder()
    if holder is not None:
        return State("running", holder=str(holder))
    try:
        record = place.read_record()
    except StorageError as error:
        return State("failed", error=str(error))
    if record is None:
        return State("missing")
    if record["status"] == "finished":
        return State("done", score=record.get("scores", {}).get("score"), objective=objective(record))
    if record["status"] == "failed":
        return State("failed", error=str(record.get("error")), members=_members(record), is_bug="traceback" in record)
    has_checkpoint = place.checkpoint.exists() or place.previous_checkpoint.exists()
    return State("interrupted", error=record.get("error"), members=_members(record) if has_checkpoint else ())


def _members(record: dict[str, Any]) -> tuple[str, ...]:
    return tuple(record.get("pack", {}).get("members", ()))
