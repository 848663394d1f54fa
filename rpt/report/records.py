"""Check that a run's record (`run.json`) has what a report needs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rpt.report.axes import Record
from rpt.report.study import StudyError
from rpt.tracking.counted import has_ended
from rpt.tracking.identity import READABLE

WITHOUT_CODE = 2
"""Version of records that do not say which code made the number."""

STATUSES = ("running", "interrupted", "finished", "failed")
"""Values of `status` that rpt writes to a record."""


class Kind(NamedTuple):
    """The kind of value that a key of a record must have.

    Attributes:
        words: Name of the kind in messages.
        types: Python types that the value may have.
    """

    words: str
    types: tuple[type, ...]


ANYTHING = Kind("anything", (object,))
NUMBER = Kind("a number", (int, float))
WHOLE = Kind("a whole number", (int,))
TEXT = Kind("a text", (str,))
TEXT_OR_NULL = Kind("a text or null", (str, type(None)))
SECTION = Kind("a section", (dict,))

OF_EVERY_RUN = {"config.group": TEXT_OR_NULL}
"""Keys that every record must have. The group of an unfinished run tells which report lists the run as unfinished."""

OF_ENDED_RUNS = {
    "chosen": SECTION,
    "config.seed": WHOLE,
    "config.backbone": SECTION,
    "config.trainer.tune": ANYTHING,
    "started": TEXT,
    "warnings": Kind("a list", (list,)),
    "task.name": TEXT,
    "task.version": ANYTHING,
    **dict.fromkeys((f"protocol.{key}" for key in ("name", "select_on", "held_out_share", "task_prefix")), ANYTHING),
    **dict.fromkeys((f"data.{key}" for key in ("source", "checksum")), TEXT),
    "data.version": ANYTHING,
    **dict.fromkeys((f"data.rows.{key}" for key in ("train", "reported")), WHOLE),
    **dict.fromkeys((f"backbone.{key}" for key in ("name", "family", "dtype")), TEXT),
    "backbone.parameters": WHOLE,
    "backbone.weights_sha256": ANYTHING,
    "majority.score": NUMBER,
    "environment.git": ANYTHING,
    "environment.packages.rpt": ANYTHING,
    "environment.bits.device": ANYTHING,
}
"""Further keys that the record of a finished or diverged run must have."""

OF_FINISHED_RUNS = {"scores.score": NUMBER, "best": Kind("a section or null", (dict, type(None)))}


def check_record(folder: Path, record: Record) -> None:
    """Raise an error for a record that this version of rpt cannot report.

    Raises:
        StudyError: The record was not written by rpt, has another schema version, lacks a key, or has a value
            of a wrong kind.
    """
    path = folder / "run.json"
    _check_origin(path, record)
    kinds = _needed(record)
    found = {key: _find(record, key) for key in kinds}
    missing = dict.fromkeys(part for part, _ in found.values() if part is not None)
    if missing:
        advice = "An older rpt made it. Train it again with rerun=true."
        raise StudyError(f"{path}: has no {', '.join(missing)}. {advice}")
    odd = [
        f"{key} = {value}: must be {kinds[key].words}"
        for key, (_, value) in found.items()
        if not isinstance(value, kinds[key].types)
    ]
    if odd:
        raise StudyError(f"{path}: {'; '.join(odd)}. Train the run again with rerun=true.")


def _check_origin(path: Path, record: Record) -> None:
    advice = "Move its folder away."
    if "schema" not in record:
        raise StudyError(f"{path}: has no schema, so it is no record of rpt. {advice}")
    if record["status"] not in STATUSES:
        raise StudyError(f"{path}: status = {record['status']}: rpt writes {', '.join(STATUSES)}. {advice}")
    found = record["schema"]
    if found not in READABLE and has_ended(record):
        advice = "Train it again with rerun=true, or report it with the rpt that made it."
        known = " and ".join(map(str, READABLE))
        raise StudyError(f"{path}: schema = {found}: this rpt reads schemas {known}. {advice}")


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


def _find(record: Record, key: str) -> tuple[str | None, Any]:
    """Return None and the value under a dotted key, or the shortest missing prefix of the key and None."""
    value: Any = record
    parts = key.split(".")
    for count, part in enumerate(parts, 1):
        if not isinstance(value, Mapping) or part not in value:
            return ".".join(parts[:count]), None
        value = value[part]
    return None, value
