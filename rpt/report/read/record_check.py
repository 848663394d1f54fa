"""Check that a run's record (`run.json`) has what a report needs."""

from __future__ import annotations

from pathlib import Path

from rpt.report.read.axes import Record
from rpt.tracking.counted import has_ended
from rpt.tracking.identity import READABLE
from rpt.tracking.record import (
    NATURAL,
    NUMBER,
    SECTION,
    SECTION_OR_NULL,
    TEXT,
    TEXT_OR_NULL,
    TEXTS,
    VALUE,
    WHOLE,
    Kind,
    RecordError,
    problems_of,
    shown,
)

WITHOUT_CODE = 2
"""Version of records that do not say which code made the number."""

OF_EVERY_RUN = {"config.group": TEXT_OR_NULL}
"""Keys that every record must have. The group of an unfinished run tells which report lists the run as unfinished."""

OF_ENDED_RUNS = {
    "chosen": SECTION,
    "config.seed": WHOLE,
    "config.backbone": SECTION,
    "config.trainer.tune": VALUE,
    "started": TEXT,
    "warnings": TEXTS,
    "task.name": TEXT,
    "task.version": VALUE,
    **dict.fromkeys((f"protocol.{key}" for key in ("name", "select_on", "held_out_share", "task_prefix")), VALUE),
    **dict.fromkeys((f"data.{key}" for key in ("source", "checksum")), TEXT),
    "data.version": VALUE,
    **dict.fromkeys((f"data.rows.{key}" for key in ("train", "reported")), NATURAL),
    **dict.fromkeys((f"backbone.{key}" for key in ("name", "family", "dtype")), TEXT),
    "backbone.parameters": NATURAL,
    "backbone.weights_sha256": VALUE,
    "majority.score": NUMBER,
    "environment.git": SECTION_OR_NULL,
    "environment.packages.rpt": VALUE,
    "environment.bits.device": VALUE,
}
"""Further keys that the record of a finished or diverged run must have."""

OF_FINISHED_RUNS = {"scores.score": NUMBER, "best": SECTION_OR_NULL}
"""Further keys that the record of a finished run must have."""


def check_record(folder: Path, record: Record) -> None:
    """Raise an error for a record that this version of rpt cannot report.

    Raises:
        RecordError: The record has no schema or another schema version, or lacks a value that a report needs.
    """
    path = folder / "run.json"
    _check_origin(path, record)
    missing, odd = problems_of(record, _needed(record))
    if missing:
        advice = "An older rpt made it. Train it again with rerun=true."
        raise RecordError(f"{path}: has no {', '.join(missing)}. {advice}")
    if odd:
        raise RecordError(f"{path}: {'; '.join(odd)}. Train the run again with rerun=true.")


def _check_origin(path: Path, record: Record) -> None:
    if "schema" not in record:
        raise RecordError(f"{path}: has no schema, so it is no record of rpt. Move its folder away.")
    found = record["schema"]
    if found not in READABLE and has_ended(record):
        advice = "Train it again with rerun=true, or report it with the rpt that made it."
        known = " and ".join(map(str, READABLE))
        raise RecordError(f"{path}: schema = {shown(found)}: this rpt reads schemas {known}. {advice}")


def _needed(record: Record) -> dict[str, Kind]:
    """Return the keys that the record must have, dotted, and the kind of each value."""
    needed = {**OF_EVERY_RUN}
    if has_ended(record):
        needed |= OF_ENDED_RUNS
        if record["schema"] != WITHOUT_CODE:
            needed["code.training"] = WHOLE
    if record["status"] == "finished":
        needed |= OF_FINISHED_RUNS
        if isinstance(record.get("best"), dict):
            needed["best.held_out.score"] = NUMBER
    return needed
