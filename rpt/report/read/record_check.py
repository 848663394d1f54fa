"""Check that a run's record (`run.json`) has what a report needs."""

from __future__ import annotations

from pathlib import Path

from rpt.tracking.identity import READABLE
from rpt.tracking.kinds import NUMBER, SECTION, WHOLE, Kind, shown
from rpt.tracking.record import Record, RecordError

WITHOUT_CODE = 2
"""Version of records that do not name the code of the training."""

OF_ENDED_RUNS: dict[str, Kind | None] = {
    "chosen": None,
    "config.seed": WHOLE,
    "config.backbone": SECTION,
    "config.trainer.tune": None,
    "config.scorer": SECTION,
    "started": None,
    "warnings": None,
    "task.name": None,
    "task.version": None,
    **dict.fromkeys(f"protocol.{key}" for key in ("name", "select_on", "held_out_share", "task_prefix")),
    **dict.fromkeys(f"data.{key}" for key in ("source", "checksum", "version")),
    **dict.fromkeys(f"data.rows.{key}" for key in ("train", "reported")),
    **dict.fromkeys(f"backbone.{key}" for key in ("name", "family", "dtype", "parameters", "weights_sha256")),
    "majority.score": NUMBER,
    "environment.git": None,
    "environment.packages.rpt": None,
    "environment.bits.device": None,
}
"""Kind of each value that the record of a finished or diverged run must have, by dotted key.

None means the kind that the class `Record` declares. The other kinds are stricter."""

OF_FINISHED_RUNS: dict[str, Kind | None] = {"scores.score": NUMBER, "best": None}
"""Further values that the record of a finished run must have."""


def check_record(folder: Path, record: Record) -> None:
    """Raise an error for a record that this version of rpt cannot report.

    Raises:
        RecordError: The record has no schema version or one that this rpt does not read, or a value that a report needs
            is missing or of a wrong kind.
    """
    path = folder / "run.json"
    _check_origin(path, record)
    missing, wrong = record.problems(_needed(record))
    if missing:
        advice = "An older version of rpt trained the run. Train it again with rerun=true."
        raise RecordError(f"{path}: has no {', '.join(missing)}. {advice}")
    if wrong:
        raise RecordError(f"{path}: {'; '.join(wrong)}. Train the run again with rerun=true.")


def _check_origin(path: Path, record: Record) -> None:
    schema = getattr(record, "schema_version", None)
    if schema is None:
        raise RecordError(f"{path}: has no schema, so it is no record of rpt. Move its folder away.")
    if schema not in READABLE and record.has_ended:
        advice = "Train the run again with rerun=true, or report it with the version of rpt that trained it."
        known = " and ".join(map(str, READABLE))
        raise RecordError(f"{path}: schema = {shown(schema)}: this rpt reads schemas {known}. {advice}")


def _needed(record: Record) -> dict[str, Kind | None]:
    """Return the values that the record must have, by dotted key, with their kinds."""
    needed: dict[str, Kind | None] = {"config.group": None}  # a report lists also the unfinished runs of its group
    if record.has_ended:
        needed |= OF_ENDED_RUNS
        if record.schema_version != WITHOUT_CODE:
            needed["code.training"] = WHOLE
    if record.status == "finished":
        needed |= OF_FINISHED_RUNS
        if record.best is not None:
            needed["best.held_out.score"] = NUMBER
    return needed
