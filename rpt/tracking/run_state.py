"""Read the state of a run from its folder. States are stored in no other place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rpt.errors import StorageError
from rpt.tracking.folder import RunFolder
from rpt.tracking.objective import objective
from rpt.tracking.status import RunStatus


@dataclass(frozen=True)
class RunState:
    """State of a run.

    Attributes:
        status: Status of the run (`rpt.tracking.status`).
        score: Score of the task on the reported rows, 0 to 1; None unless the run is finished.
        error: Reason for the failure, interruption or stop; None if the record has no reason.
        holder: Process and machine that train the run; None unless the run is running.
        members: Identity hashes of the runs of the pack in which the run failed or was interrupted. An interrupted pack
            is resumed with all of them. Empty for an interrupted run without a checkpoint.
        is_bug: Whether the record holds a traceback, because the run's own code has raised an exception.
        objective: Score that a sweeper maximises (`rpt.tracking.objective`), 0 to 1; None unless the run is finished or
            stopped.
    """

    status: RunStatus
    score: float | None = None
    error: str | None = None
    holder: str | None = None
    members: tuple[str, ...] = ()
    is_bug: bool = False
    objective: float | None = None


def read_state(path: Path) -> RunState:
    """Read a run's state from its folder. A run with an unreadable record is `failed`, because it cannot be trained."""
    folder = RunFolder(path)
    holder = folder.holder()
    if holder is not None:
        return RunState("running", holder=str(holder))
    try:
        record = folder.read_record()
    except StorageError as error:
        return RunState("failed", error=str(error))
    if record is None:
        return RunState("missing")
    if record.status == "finished":
        return RunState("finished", score=record.score_or_majority(), objective=objective(record))
    if record.status == "stopped":
        return RunState("stopped", error=record.stop_reason, objective=objective(record))
    if record.status == "failed":
        is_bug = record.traceback is not None
        return RunState("failed", error=str(record.error), members=record.pack.members, is_bug=is_bug)
    has_checkpoint = folder.checkpoint.exists() or folder.previous_checkpoint.exists()
    return RunState("interrupted", error=record.error, members=record.pack.members if has_checkpoint else ())
