"""Find the runs that a command uses among the folders that the user names."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rpt.console import several
from rpt.errors import ConfigError
from rpt.tracking.folder import RECORD
from rpt.tracking.record import Record, RecordError
from rpt.tracking.record_sections import is_folded
from rpt.tracking.status import RecordStatus

UNUSABLE: Mapping[RecordStatus, str] = {
    "running": "not finished",
    "interrupted": "not finished",
    "stopped": "stopped by successive halving",
    "failed": "failed",
}
"""Reasons for omitting a run, by the status of its record."""

MOST_NAMED = 20
"""Largest number of runs that a line on omitted runs names."""


def find_runs(paths: Sequence[Path], *, needs_prompt: bool = False) -> list[Path]:
    """Find the folders of runs: each path that is a run's folder, and the usable runs in each other folder, by name.

    Runs in a folder that the command cannot use are omitted: runs that failed, are not finished, were stopped by
    successive halving or have fine-tuned their backbone. A line on stderr for each reason names them. A path that is
    itself a run's folder, or has no run, is returned unchanged, so that reading its record reports the reason. A run in
    a folder whose record is damaged is returned for the same reason.

    Args:
        paths: Folders of runs, and folders that hold folders of runs, such as a sweep's `output_dir`.
        needs_prompt: Whether the command reads exported prompts, so that runs without an exported prompt are omitted.

    Raises:
        ConfigError: A folder holds runs, and the command can use none of them.
    """
    found: list[Path] = []
    for path in paths:
        inside = [] if (path / RECORD).exists() else sorted(record.parent for record in path.glob(f"*/{RECORD}"))
        found += _usable(path, inside, needs_prompt) if inside else [path]
    return found


def _usable(path: Path, folders: Sequence[Path], needs_prompt: bool) -> list[Path]:
    """Return the usable runs in a folder, and name the omitted runs on stderr.

    Raises:
        ConfigError: The folder has no usable run.
    """
    reasons = {folder: _reason(folder, needs_prompt) for folder in folders}
    omitted: dict[str, list[str]] = {}
    for folder, reason in reasons.items():
        if reason is not None:
            omitted.setdefault(reason, []).append(folder.name)
    for reason, names in omitted.items():
        more = [f"and {len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
        listed = ", ".join([*names[:MOST_NAMED], *more])
        sys.stderr.write(f"{path}: {several(len(names), 'run')} left out ({reason}): {listed}\n")
    usable = [folder for folder, reason in reasons.items() if reason is None]
    if not usable:
        counts = ", ".join(f"{len(names)} {reason}" for reason, names in omitted.items())
        needed = "a finished run with a prompt" if needs_prompt else "a finished run"
        advice = f"holds no run that this command can use ({counts}). Name a folder that holds {needed}."
        raise ConfigError.of("RUN", str(path), advice)
    return usable


def _reason(folder: Path, needs_prompt: bool) -> str | None:
    """Return the reason why a command cannot use a run; None for a usable run, and for a run with a damaged record."""
    try:
        record = Record.read(folder)
        if record.status in UNUSABLE:
            return UNUSABLE[record.status]
        if record.parameters.body:
            return "with a fine-tuned backbone"
        return _without_prompt(record) if needs_prompt else None
    except RecordError:  # the command's own reader reports the fault
        return None


def _without_prompt(record: Record) -> str | None:
    """Return the reason why a finished run has no exported prompt; None for a run with an exported prompt."""
    if not record.parameters.held:
        return "without a prompt"
    return None if is_folded(record.prompt) else "with an encoder that cannot be folded into a prompt"
