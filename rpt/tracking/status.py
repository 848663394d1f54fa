"""Vocabulary for the status of a run. Records, ledgers, sweeps, reports and progress displays use the same words."""

from __future__ import annotations

from typing import Literal, get_args

RecordStatus = Literal["running", "interrupted", "finished", "stopped", "failed"]
"""Status in a record: the last status that the training process has written.

- `running`: the training has begun. A killed process leaves this status behind.
- `interrupted`: something outside the run has ended the training. The same command resumes it.
- `finished`: the run is trained and scored.
- `stopped`: successive halving has stopped the run before its last epoch. The run has no score on the reported rows.
- `failed`: the training has diverged, the run's own code has raised an exception, or the backbone has changed.
"""

RunStatus = Literal["finished", "running", "stopped", "failed", "interrupted", "missing"]
"""Status of a run, from its record and the lock of its folder.

`running` means that a process trains the run now. If the record says `running` and no process trains the run, the run
is `interrupted`. `missing` means that the run has no record. The other words mean the same as in a record.
"""

PointStatus = Literal["finished", "stopped", "failed", "refused", "interrupted"]
"""Status of a sweep's point after its training. `refused` means that its configuration cannot be trained."""

RECORD_STATUSES: tuple[RecordStatus, ...] = get_args(RecordStatus)
RUN_STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)
POINT_STATUSES: tuple[PointStatus, ...] = get_args(PointStatus)
