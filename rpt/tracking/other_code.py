"""Refuse to begin a run if different code has begun to train the same setting and was interrupted.

The name of a run's folder depends on its identity, and the identity on the code. The folder of the interrupted training
therefore has a different name, and its checkpoints would be left unused without a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from rpt.config.schema import Config
from rpt.errors import ConfigError, RptError
from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import Identity, setting
from rpt.tracking.record import Record

HASH_LENGTH = 10
"""Number of characters of the identity hash at the end of a run folder's name."""


def refuse_other_code(folder: Path, config: Config, identity: Identity, data_checksum: str) -> None:
    """Refuse a run if different code has begun to train its setting and was interrupted.

    Args:
        folder: Folder of the run. If it already holds a training, nothing is refused.
        config: Configuration of the run. With `rerun`, nothing is refused.
        identity: Identity of the run.
        data_checksum: sha256 of the rows.

    Raises:
        ConfigError: There is such a training, with a checkpoint that the present code cannot resume.
    """
    place = RunFolder(folder)
    if config.rerun or place.record.exists() or place.checkpoint.exists():
        return
    for other, record in _interrupted(folder):
        if _is_same_setting(record, config, identity, data_checksum):
            raise ConfigError.of("rerun", False, _advice(other, record, config, identity))


def code_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Describe the differences between the code of two runs.

    Args:
        then: Section `code` of a record; empty for a record of an older rpt without the section.
        now: Present code for the same configuration, as `rpt.tracking.identity.code` returns it.
    """
    if not then:
        return ["an older rpt began it, whose records do not say which code it was"]
    found = [f"the source of {key} has changed" for key in now if key != "training" and then.get(key) != now[key]]
    if then.get("training") != now["training"]:
        found.append(f"rpt's training version was {then.get('training')} and is {now['training']}")
    return found


def commit_of(record: Record) -> str:
    """Format the commit of a record's code as ` (commit HASH)`; empty if the record has no commit."""
    commit = getattr(record.environment.git, "commit", None)
    return "" if commit is None else f" (commit {commit[:10]})"


def _interrupted(folder: Path) -> Iterator[tuple[Path, Record]]:
    """Yield the interrupted runs in the same output folder whose names differ from a run's name only in the hash."""
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
            continue  # the ledger and the report list damaged records
        if record is not None and not record.has_ended and place.holder() is None:
            yield place.path, record


@lru_cache(maxsize=4)
def _names(output_dir: Path, changed: int) -> dict[str, list[str]]:
    """List the names in an output folder, grouped by the name without its last `HASH_LENGTH` characters.

    Args:
        output_dir: Output folder.
        changed: Time of the folder's last change. As part of the cache's key, it lets a sweep list the folder once.
    """
    names: dict[str, list[str]] = {}
    for entry in sorted(output_dir.iterdir()):
        names.setdefault(entry.name[:-HASH_LENGTH], []).append(entry.name)
    return names


def _is_same_setting(record: Record, config: Config, identity: Identity, data_checksum: str) -> bool:
    if record.setting_hash is not None:
        return record.setting_hash == identity.setting_hash
    then, now = record.config, config.model_dump(by_alias=True, mode="json")
    if not then or getattr(record.data, "checksum", None) != data_checksum:
        return False
    keys = setting(config, "", "").keys() & then.keys() - {"task"}
    return all(_agree(then[key], now[key]) for key in keys)


def _agree(then: Any, now: Any) -> bool:
    """Whether two values are equal; nested dictionaries are compared in their common keys."""
    if isinstance(then, dict) and isinstance(now, dict):
        return all(_agree(then[key], now[key]) for key in then.keys() & now.keys())
    return bool(then == now)


def _advice(other: Path, record: Record, config: Config, identity: Identity) -> str:
    differing = code_differences(record.code, identity.code)
    version = getattr(record.task, "version", None)
    if version != config.task.version:
        differing.append(f"task {config.task.name} was of version {version} and is of version {config.task.version}")
    return (
        f"{other} holds this run, interrupted, and the code of now cannot go on with it: {'; '.join(differing)}. "
        f"To finish it, go back to that code{commit_of(record)} and run the same command. To train with the code of "
        "now, set rerun=true, or move that folder away."
    )
