"""Refuse to begin a run anew beside an interrupted training of the same setting that other code has begun.

A run's folder is named by its identity, and the code is part of that. So the folder of the interrupted training has
another name, and would be left behind without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rpt.config import Config
from rpt.errors import ConfigError, RptError
from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import Identity, setting

HASH_LENGTH = 10
"""Characters of the identity's hash at the end of a run folder's name."""


def refuse_other_code(folder: Path, config: Config, identity: Identity, data_checksum: str) -> None:
    """Refuse a run whose setting was begun by other code and interrupted.

    Args:
        folder: The run's folder; where it holds a training already, nothing is refused.
        config: The run's configuration; with `rerun` nothing is refused.
        identity: What the run is.
        data_checksum: sha256 of the rows.

    Raises:
        ConfigError: There is such a training, and it has a checkpoint that is lost to the code of now.
    """
    place = RunFolder(folder)
    if config.rerun or place.record.exists() or place.checkpoint.exists():
        return
    for other, record in _interrupted(folder):
        if _is_same_setting(record, config, identity, data_checksum):
            raise ConfigError.of("rerun", False, _advice(other, record, config, identity))


def code_differences(then: Mapping[str, Any] | None, now: Mapping[str, Any]) -> list[str]:
    """What differs between the code of two runs, in words.

    Args:
        then: `code` of a record; None for a record of an older rpt, which has none.
        now: What `rpt.tracking.identity.code` gives for the same configuration.
    """
    if then is None:
        return ["an older rpt began it, whose records do not say which code it was"]
    found = [f"the source of {key} has changed" for key in now if key != "training" and then.get(key) != now[key]]
    if then.get("training") != now["training"]:
        found.append(f"rpt's training version was {then.get('training')} and is {now['training']}")
    return found


def commit_of(record: Mapping[str, Any]) -> str:
    """The commit of a record's code in brackets, behind a space; empty where the record has none."""
    environment = record.get("environment")
    git = environment.get("git") if isinstance(environment, dict) else None
    return f" (commit {str(git['commit'])[:10]})" if isinstance(git, dict) and "commit" in git else ""


def _interrupted(folder: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The interrupted runs beside a folder whose names differ from its name in the hash alone."""
    output_dir = folder.parent
    if not output_dir.is_dir():
        return
    for name in _names(output_dir, output_dir.stat().st_mtime_ns).get(folder.name[:-HASH_LENGTH], ()):
        place = RunFolder(output_dir / name)
        if name == folder.name or not (place.checkpoint.exists() or place.previous_checkpoint.exists()):
            continue
        try:
            record = place.read_record()
        except RptError:
            continue  # the ledger and the report name damaged records
        if record and record["status"] in ("running", "interrupted") and place.holder() is None:
            yield place.path, record


@lru_cache(maxsize=4)
def _names(output_dir: Path, changed: int) -> dict[str, list[str]]:
    """The names of an output folder's entries by all but their last `HASH_LENGTH` characters.

    Args:
        output_dir: The folder.
        changed: When the folder was changed last, so that a sweep lists it once and not once a point.
    """
    names: dict[str, list[str]] = {}
    for entry in sorted(output_dir.iterdir()):
        names.setdefault(entry.name[:-HASH_LENGTH], []).append(entry.name)
    return names


def _is_same_setting(record: Mapping[str, Any], config: Config, identity: Identity, data_checksum: str) -> bool:
    if "setting_hash" in record:
        return bool(record["setting_hash"] == identity.setting_hash)
    then, now = record.get("config"), config.model_dump(by_alias=True, mode="json")
    if not isinstance(then, dict) or record.get("data", {}).get("checksum") != data_checksum:
        return False
    keys = setting(config, "", "").keys() & then.keys() - {"task"}
    return all(_agree(then[key], now[key]) for key in keys)


def _agree(then: Any, now: Any) -> bool:
    """Whether two values agree in all keys that both have."""
    if isinstance(then, dict) and isinstance(now, dict):
        return all(_agree(then[key], now[key]) for key in then.keys() & now.keys())
    return bool(then == now)


def _advice(other: Path, record: Mapping[str, Any], config: Config, identity: Identity) -> str:
    differing = code_differences(record.get("code"), identity.code)
    task = record.get("task")
    version = task.get("version") if isinstance(task, dict) else None
    if version != config.task.version:
        differing.append(f"task {config.task.name} was of version {version} and is of version {config.task.version}")
    return (
        f"{other} holds this run, interrupted, and the code of now cannot go on with it: {'; '.join(differing)}. "
        f"To finish it, go back to that code{commit_of(record)} and run the same command. To train with the code of "
        "now, set rerun=true, or move that folder away."
    )
