"""The layout of the hub's cache, for models that are made here under the names of real ones."""

from __future__ import annotations

from pathlib import Path

COMMIT = "a" * 40


def new_snapshot(cache: Path, name: str) -> Path:
    """The folder, yet to be made, where the client looks for `main` of the model `name` (`owner/model`)."""
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    return model / "snapshots" / COMMIT
