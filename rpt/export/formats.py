"""Formats of an exported prompt: a PEFT adapter, a safetensors file, or a NumPy array.

A run's folder may come from an untrusted source. Its files are copied as bytes or read as tensors. A link out of the
folder is refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load

from rpt.errors import ConfigError
from rpt.prompt.peft_layout import columns_of_self_attention
from rpt.system.reading import Unreadable, reason_of, refuse_link_out, refuse_pointer
from rpt.tracking.folder import RunFolder
from rpt.tracking.record import Record

Files = dict[str, bytes]
"""Content of the files of an export, by name."""


def peft_files(folder: RunFolder, record: Record) -> Files:
    """Return the files of the run's adapter, which PEFT loads.

    Raises:
        ConfigError: PEFT cannot represent the prompt, or the adapter is missing, damaged or holds another prompt.
    """
    if record.adapter is not None:
        advice = f"cannot represent the prompt of {folder.path.name}: {record.adapter}. Use safetensors or npy."
        raise ConfigError.of("format", "peft", advice)
    files = {
        name: _read(folder, folder.adapter / name) for name in ("adapter_config.json", "adapter_model.safetensors")
    }
    weights = _tensor(folder.adapter / "adapter_model.safetensors", files, "adapter_model.safetensors")
    prompt = prompt_of(folder)
    if not np.array_equal(_as_exported(weights, files, prompt.shape[1]), prompt):
        raise _refusal(folder.adapter, "differs from the prompt in prompt.safetensors")
    return files


def _as_exported(
    weights: Float[np.ndarray, "length width"], files: Files, width: int
) -> Float[np.ndarray, "length hidden"]:
    """Return the vectors of an adapter in the order of the exported prompt. A prefix for T5 has another order in PEFT.

    Vectors of other adapters, and of adapters whose settings are damaged, are returned unchanged.

    Args:
        weights: Vectors of the adapter.
        files: Files of the adapter.
        width: Width of the exported prompt.
    """
    if weights.shape[1] == width:
        return weights
    try:
        settings = json.loads(files["adapter_config.json"])
        columns = columns_of_self_attention(weights.shape[1], settings if isinstance(settings, dict) else {})
    except ValueError:
        return weights
    return weights[:, columns[:width]]


def safetensors_files(folder: RunFolder, record: Record) -> Files:
    """Return `prompt.safetensors`, with one tensor `prompt`, float32 [length, hidden]."""
    prompt_of(folder)
    return {folder.prompt.name: _read(folder, folder.prompt)}


def npy_files(folder: RunFolder, record: Record) -> Files:
    """Return `prompt.npy`, float32 [length, hidden], as Google's prompt-tuning writes prompts."""
    content = io.BytesIO()
    np.save(content, prompt_of(folder), allow_pickle=False)
    return {"prompt.npy": content.getvalue()}


FORMATS: Mapping[str, Callable[[RunFolder, Record], Files]] = {
    "peft": peft_files,
    "safetensors": safetensors_files,
    "npy": npy_files,
}
"""Functions that return the files of an export, by the value of `--format`."""


def head_files(folder: RunFolder) -> Files:
    """Return the trained class head of an encoder backbone; empty for a language model."""
    return {folder.head.name: _read(folder, folder.head)} if folder.head.exists() else {}


def prompt_of(folder: RunFolder) -> Float[np.ndarray, "length hidden"]:
    """Read the exported prompt of a run.

    Raises:
        ConfigError: The file is missing, damaged, or a link out of the run's folder.
    """
    return _tensor(folder.prompt, {folder.prompt.name: _read(folder, folder.prompt)}, folder.prompt.name)


def _tensor(path: Path, files: Files, name: str) -> Float[np.ndarray, "length hidden"]:
    try:
        [prompt] = load(files[name]).values()
    except Exception as error:  # safetensors has an error of its own for damaged bytes
        raise _refusal(path, f"is damaged ({reason_of(error)})") from error
    if prompt.ndim != 2 or prompt.dtype != np.float32:
        raise _refusal(path, f"is no float32 matrix: its dtype is {prompt.dtype} and its shape {list(prompt.shape)}")
    return prompt


def _read(folder: RunFolder, path: Path) -> bytes:
    """Read a file of a run as bytes."""
    try:
        refuse_pointer(path)
        refuse_link_out(path, folder.path)
        return path.read_bytes()
    except (Unreadable, OSError) as error:
        raise _refusal(path, _reason(path, error)) from error


def _reason(path: Path, error: Exception) -> str:
    """Return the reason why a file cannot be read, without the file's name, which the message already has."""
    reason = str(error) if isinstance(error, Unreadable) else f"cannot be read ({reason_of(error)})"
    return reason.removeprefix(f"{path}: ")


def _refusal(path: Path, reason: str) -> ConfigError:
    return ConfigError.of("RUN", str(path), f"{reason}. Bring the file back, or train the run again with rerun=true.")
