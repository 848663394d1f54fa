"""The layout of the Hugging Face cache, for tiny models that tests store under the names of published models."""

from __future__ import annotations

from pathlib import Path

COMMIT = "a" * 40


def new_snapshot(cache: Path, name: str) -> Path:
    """Return the folder where `huggingface_hub` looks for the branch `main` of a model; the caller creates it.

    Args:
        cache: Folder of the cache.
        name: Name of the model as `owner/model`.
    """
    model = cache / f"models--{name.replace('/', '--')}"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    return model / "snapshots" / COMMIT
