"""`last.ckpt`: the trainable state of one run, from which it goes on to the same bits."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import torch

from rpt.errors import CheckpointError
from rpt.tracking.files import write_atomic
from rpt.tracking.folder import RunFolder

ADVICE = "Move it away to start over, put previous.ckpt in its place, or set rerun=true."


def save(folder: RunFolder, state: dict[str, Any]) -> None:
    """Write a checkpoint atomically; the one before it is kept as `previous.ckpt`."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(folder.checkpoint, buffer.getvalue(), keep=folder.previous_checkpoint)


def load(folder: RunFolder, identity_hash: str) -> dict[str, Any] | None:
    """Read the newest checkpoint of a run, or None where there is none.

    Only tensors and plain values are read (`weights_only`): no code runs from a checkpoint.

    Raises:
        CheckpointError: The file is damaged, or belongs to another run.
    """
    path = folder.checkpoint if folder.checkpoint.exists() else folder.previous_checkpoint
    if not path.exists():
        return None
    state = _read(path)
    if not isinstance(state, dict) or "identity_hash" not in state:
        raise CheckpointError(f"{path}: is no checkpoint of rpt. {ADVICE}")
    if state["identity_hash"] != identity_hash:
        found = str(state["identity_hash"])[:10]
        raise CheckpointError(f"{path}: belongs to another run ({found}, this one is {identity_hash[:10]}). {ADVICE}")
    return state


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: is damaged ({reason}). {ADVICE}") from error
