"""Write and read `last.ckpt`: the trainable state from which a run is resumed with bitwise equal results."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from rpt.errors import CheckpointError
from rpt.system.out_of_memory import is_out_of_memory
from rpt.system.writing import storage, write_atomic
from rpt.tracking.folder import RunFolder
from rpt.tracking.identity import SCHEMA

ADVICE = "Move the file away to start over, put previous.ckpt in its place, or set rerun=true."

OTHER_VERSION = "Go on with that version, or set rerun=true to train again."


def save(folder: RunFolder, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically, and keep the previous checkpoint as `previous.ckpt`."""
    buffer = io.BytesIO()
    torch.save({"schema": SCHEMA, **state}, buffer)
    write_atomic(folder.checkpoint, buffer.getvalue(), keep=folder.previous_checkpoint)


def load(folder: RunFolder, identity_hash: str) -> dict[str, Any] | None:
    """Read the last checkpoint of a run; None if there is no checkpoint.

    Only tensors and plain values are read (`weights_only`), so that a checkpoint cannot run code.

    Raises:
        CheckpointError: The file is damaged, belongs to another run, or has the schema of another version of rpt.
    """
    path = newest(folder)
    return _load(path, identity_hash) if path.exists() else None


def newest(folder: RunFolder) -> Path:
    """Return the path of the last checkpoint of a run: `previous.ckpt` if `last.ckpt` was moved away."""
    return folder.checkpoint if folder.checkpoint.exists() else folder.previous_checkpoint


def damaged(path: Path, reason: str) -> CheckpointError:
    """Build the error for a damaged checkpoint, with advice for the user.

    Args:
        path: Path of the checkpoint.
        reason: Description of the damage.
    """
    return CheckpointError(f"{path}: is damaged ({reason}). {ADVICE}")


def load_previous(folder: RunFolder, identity_hash: str) -> dict[str, Any] | None:
    """Read the checkpoint before the last checkpoint; None if there is no such checkpoint.

    Raises:
        CheckpointError: The file is damaged, belongs to another run, or has the schema of another version of rpt.
    """
    is_before = folder.checkpoint.exists() and folder.previous_checkpoint.exists()
    return _load(folder.previous_checkpoint, identity_hash) if is_before else None


def _load(path: Path, identity_hash: str) -> dict[str, Any]:
    state = _read(path)
    if not isinstance(state, dict) or "identity_hash" not in state:
        raise CheckpointError(f"{path}: is no checkpoint of rpt. {ADVICE}")
    schema, run = state.get("schema"), state["identity_hash"]
    if type(schema) is not int or schema != SCHEMA:  # a tensor has no truth value
        versions = f"schema {schema!r:.40}, this rpt reads {SCHEMA}"
        raise CheckpointError(f"{path}: was written by another version of rpt ({versions}). {OTHER_VERSION}")
    if not isinstance(run, str) or run != identity_hash:
        raise CheckpointError(
            f"{path}: belongs to another run ({run!s:.10}; this run is {identity_hash[:10]}). {ADVICE}"
        )
    return state


def step_back(folder: RunFolder) -> None:
    """Remove the last checkpoint, so that the previous checkpoint, if it exists, becomes the last."""
    with storage(folder.checkpoint):
        if folder.previous_checkpoint.exists():
            folder.previous_checkpoint.replace(folder.checkpoint)
        else:
            folder.checkpoint.unlink()


def _read(path: Path) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()  # torch does not check checksums
        if bad is not None:
            raise zipfile.BadZipFile(f"the checksum of {bad} is wrong")
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile and torch raise a dozen types of errors for damaged bytes
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise damaged(path, reason) from error
