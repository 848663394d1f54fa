"""The number that a sweeper maximises: the selected checkpoint's score on the rows that selected it."""

from __future__ import annotations

from rpt.tracking.record import Record

OBJECTIVES = {
    "held_out": "score on the rows held out of train, which selected the checkpoint; no reported row is used",
    "validation": "score on the validation rows, which selected the checkpoint and are reported too (protocol=paper)",
}
"""Description of the objective, by the protocol's `select_on`."""

NO_OBJECTIVE = (
    "nothing was trained, so that no rows selected a checkpoint: there is no score that a search may maximise"
)


def objective(record: Record) -> float | None:
    """Read the objective from a run's record.

    The score on the reported rows is not an objective, because the best of many such scores would be biased upwards.

    Args:
        record: Record of the run.

    Returns:
        Score from 0 to 1. None for a run that is running, interrupted or failed, or has no trainable parameters. For a
        run that successive halving has stopped, its best score until the rung.
    """
    return None if record.best is None else record.best.held_out.get("score")
