"""A GGUF file as a folder in the hub's layout: dequantized once, into a cache that is keyed by the file's hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from rpt.errors import StorageError, WeightsError

FORMAT = 1
"""Raised when the same file would be written in another way."""


def dequantized(gguf: Path) -> Path:
    """The folder with the file's weights, config and tokenizer; made if the cache lacks it.

    Weights are stored in float32, which holds what the blocks of a GGUF file decode to without another rounding.

    Args:
        gguf: A GGUF file of a model of the Llama family.

    Raises:
        WeightsError: The file cannot be read as such a model.
        StorageError: The cache cannot be written.
    """
    with gguf.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    folder = cache_folder() / f"gguf-{FORMAT}-{sha256[:16]}"
    if (folder / "config.json").is_file():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    except OSError as error:
        raise StorageError(f"{folder.parent}: cannot be written ({error.strerror}). Set RPT_CACHE=DIR.") from error
    try:
        _write(gguf, draft)
        draft.chmod(0o755)
        draft.rename(folder)
    except (OSError, SafetensorError) as error:  # the second is how safetensors reports a full disk
        if not (folder / "config.json").is_file():  # else another process was quicker, with the same content
            raise StorageError(f"{folder}: cannot be written ({error}). Set RPT_CACHE=DIR.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def cache_folder() -> Path:
    """`$RPT_CACHE`, else `rpt` in the user's cache folder."""
    if own := os.environ.get("RPT_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rpt"


def _write(gguf: Path, folder: Path) -> None:
    """Load the file through transformers, and save an ordinary model and tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy, about the file's read-only memory
            loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **where)
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
    except (ValueError, KeyError, RuntimeError) as error:
        raise WeightsError(f"{gguf}: cannot be read as a model ({error}). Install the package again.") from error
    # What was loaded calls itself quantized, and cannot be saved; the same model without that name can.
    left_out = ("quantization_config", "model_type", "architectures", "dtype")
    values = {key: value for key, value in loaded.config.to_dict().items() if key not in left_out}
    plain: Any = type(loaded)(type(loaded.config)(**values))
    plain.to(torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
