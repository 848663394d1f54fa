"""Refuse a run if an interrupted training of the same setting exists that was begun with different code.

The name of a run's folder depends on its identity, and the identity depends on the code. The folder of the interrupted
training therefore has a different name. Without this check, its checkpoints would be left unused without a message.
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
    """Refuse a run if an interrupted training of the same setting exists that was begun with different code.

    Args:
        folder: Folder of the run. A run whose folder already holds a training is not refused.
        config: Configuration of the run. A run with `rerun=true` is not refused.
        identity: Identity of the run.
        data_checksum: sha256 of the rows.

    Raises:
        ConfigError: An interrupted training with a checkpoint exists, and the present code cannot resume it.
    """
    files = RunFolder(folder)
    if config.rerun or files.record.exists() or files.checkpoint.exists():
        return
    for interrupted, record in _interrupted(folder):
        if _is_same_setting(record, config, identity, data_checksum):
            raise ConfigError.of("rerun", False, _advice(interrupted, record, config, identity))


def code_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Describe the differences between the code of two runs.

    Args:
        before: Section `code` of a record; empty for a record of an older rpt without the section.
        now: Present code for the same configuration, as `rpt.tracking.identity.code` returns it.
    """
    if not before:
        return ["an older version of rpt began the run, and its records do not name the code"]
    differences = [
        f"the source of {key} has changed" for key in now if key != "training" and before.get(key) != now[key]
    ]
    if "training" in now and before.get("training") != now["training"]:
        differences.append(f"rpt's training version was {before.get('training')} and is {now['training']}")
    return differences


def changes_since(record: Record, code: Mapping[str, Any], weights: str, rows: str | None = None) -> str:
    """Say what has changed since a run was trained, and what to do.

    Args:
        record: Record of the run.
        code: Versions and hashes of the present code that are compared with the record.
        weights: sha256 of the backbone's present weights.
        rows: Checksum of the present rows; None if the rows have no effect.
    """
    changes = code_differences(record.code, code)
    if rows is not None and getattr(record.data, "checksum", None) != rows:
        changes.append("the rows are different")
    if getattr(record.backbone, "weights_sha256", None) != weights:
        changes.append("the weights of the backbone are different")
    change = "; ".join(changes) or "its configuration, or the backbone's config or tokenizer, is different"
    advice = f"Restore the state in which it was trained{commit_of(record)}, or train it again with rerun=true."
    return f"{change}. {advice}"


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
        files = RunFolder(output_dir / name)
        if name == folder.name or not (files.checkpoint.exists() or files.previous_checkpoint.exists()):
            continue
        try:
            record = files.read_record()
        except RptError:
            continue  # the ledger and the report list damaged records
        if record is not None and not record.is_over and files.holder() is None:
            yield files.path, record


@lru_cache(maxsize=4)
def _names(output_dir: Path, changed: int) -> dict[str, list[str]]:
    """List the names in an output folder, grouped by the name without its last `HASH_LENGTH` characters.

    Args:
        output_dir: Output folder.
        changed: Time of the folder's last change. It is part of the cache's key, so an unchanged folder is listed once.
    """
    names: dict[str, list[str]] = {}
    for entry in sorted(output_dir.iterdir()):
        names.setdefault(entry.name[:-HASH_LENGTH], []).append(entry.name)
    return names


def _is_same_setting(record: Record, config: Config, identity: Identity, data_checksum: str) -> bool:
    if record.setting_hash is not None:
        return record.setting_hash == identity.setting_hash
    before, now = record.config, config.model_dump(by_alias=True, mode="json")
    if not before or getattr(record.data, "checksum", None) != data_checksum:
        return False
    keys = setting(config, "", "").keys() & before.keys() - {"task"}
    return all(_agree(before[key], now[key]) for key in keys)


def _agree(before: Any, now: Any) -> bool:
    """Whether two values are equal; nested dictionaries are compared in their common keys."""
    if isinstance(before, dict) and isinstance(now, dict):
        return all(_agree(before[key], now[key]) for key in before.keys() & now.keys())
    return bool(before == now)


def _advice(interrupted: Path, record: Record, config: Config, identity: Identity) -> str:
    differing = code_differences(record.code, identity.code)
    version = getattr(record.task, "version", None)
    if version != config.task.version:
        differing.append(f"task {config.task.name} had version {version} and has version {config.task.version}")
    return (
        f"{interrupted} holds an interrupted training of this run, and the present code cannot resume it: "
        f"{'; '.join(differing)}. "
        f"To finish it, go back to the run's code{commit_of(record)} and run the same command. To train with the "
        "present code, set rerun=true, or move that folder away."
    )
