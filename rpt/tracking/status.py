"""State of a run, read from its folder. The ledger stores no states, so that nothing can contradict the folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rpt.errors import StorageError
from rpt.tracking.folder import RunFolder
from rpt.tracking.objective import objective

Name = Literal["done", "running", "failed", "interrupted", "missing"]

NAMES: tuple[Name, ...] = ("done", "running", "failed", "interrupted", "missing")


@dataclass(frozen=True)
class State:
    """State of a run.

    Attributes:
        name: `done`: trained; `running`: a living process holds the run's folder; `failed`: ended in an error;
            `interrupted`: begun, and no process trains it; `missing`: never begun.
        score: Score of the task on the reported rows, 0 to 1; None unless done.
        error: Reason for the failure or interruption; None if the record has no reason.
        holder: Process and machine that train the run; None unless running.
        members: Identity hashes of the runs of the pack in which the run failed or was interrupted. An interrupted pack
            is resumed with all of them. Empty for an interrupted run without a checkpoint.
        is_bug: Whether the record holds a traceback, which means a bug in this program.
        objective: Score that a sweeper maximises (`rpt.tracking.objective`), 0 to 1; None unless done.
    """

    name: Name
    score: float | None = None
    error: str | None = None
    holder: str | None = None
    members: tuple[str, ...] = ()
    is_bug: bool = False
    objective: float | None = None


def state_of(folder: Path) -> State:
    """Read a run's state from its folder. A run whose record cannot be read is failed: training would refuse it."""
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
