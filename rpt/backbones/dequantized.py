"""Dequantize a GGUF file into a folder in the hub's layout, in a cache that is keyed by the file's sha256."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from rpt.backbones.files import COPY_ADVICE
from rpt.backbones.gguf import check_head
from rpt.backbones.guard import guarded
from rpt.errors import StorageError, WeightsError
from rpt.system.checksums import file_sha256
from rpt.system.reading import Unreadable
from rpt.system.writing import draft_of

FORMAT = 1
"""Version of the cached folders. It must be raised when the content written for a GGUF file changes."""


def dequantized(gguf: Path) -> Path:
    """Return the cached folder with the file's weights, config and tokenizer. A missing folder is written first.

    Weights are stored in float32, which holds the decoded values of a GGUF file without further rounding.

    Args:
        gguf: Path of a GGUF file of a model of the Llama family.

    Raises:
        WeightsError: The file cannot be read as a model of the Llama family.
        StorageError: The cache cannot be written.
    """
    try:
        check_head(gguf)
    except Unreadable as error:
        raise WeightsError(f"{error}. {COPY_ADVICE}") from error
    folder = cache_folder() / f"gguf-{FORMAT}-{file_sha256(gguf)[:16]}"
    if (folder / "config.json").is_file():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(**draft_of(folder)))
    except OSError as error:
        raise StorageError(
            f"{folder.parent}: cannot be written ({error.strerror}). Set RPT_CACHE to a writable folder."
        ) from error
    try:
        _write(gguf, draft)
        draft.chmod(0o755)
        draft.rename(folder)
    except (OSError, SafetensorError) as error:  # safetensors reports a full disk as SafetensorError
        if not (folder / "config.json").is_file():  # otherwise another process has written the folder meanwhile
            raise StorageError(f"{folder}: cannot be written ({error}). Set RPT_CACHE to a writable folder.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def cache_folder() -> Path:
    """Return `$RPT_CACHE`, or the folder `rpt` in the user's cache folder if the variable is not set."""
    if own := os.environ.get("RPT_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rpt"


def _write(gguf: Path, folder: Path) -> None:
    """Load the file with transformers, and save an unquantized model and its tokenizer."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    where: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True}
    with guarded(gguf, "cannot be read as a model"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns about the file's read-only memory
        loaded = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **where)
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **where)
    # transformers refuses to save a model whose config says that it is quantized. The config is therefore built anew.
    left_out = ("quantization_config", "model_type", "architectures", "dtype")
    values = {key: value for key, value in loaded.config.to_dict().items() if key not in left_out}
    plain: Any = type(loaded)(type(loaded.config)(**values))
    plain.to(torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
