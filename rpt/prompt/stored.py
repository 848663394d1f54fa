"""Read a trained prompt from a file of rpt or PEFT, or from a NumPy array. Pickle, which can run code, is refused."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from rpt.errors import ConfigError
from rpt.prompt.files import PROMPT_FILES, prompt_file
from rpt.prompt.peft_layout import columns_of_self_attention
from rpt.system.reading import Unreadable, read_object, reason_of, refuse_pointer

PROMPT_KEYS = ("prompt", "prompt_embeddings")
"""Names of the prompt in a file of several tensors: the name that rpt writes, then the name that PEFT writes."""

INPUT_METHODS = ("PROMPT_TUNING", "P_TUNING")
"""PEFT's methods whose adapters hold input vectors. For P-tuning, PEFT saves the output of the encoder."""

PREFIX_METHODS = ("PREFIX_TUNING",)
"""PEFT's method whose adapters hold keys and values of every layer. PEFT saves the output of a prefix encoder's MLP."""


def read_prompt(path: str, methods: tuple[str, ...] = INPUT_METHODS, layers: int | None = None) -> Tensor:
    """Read the array of a trained prompt, without a check of its shape.

    Args:
        path: Path of a `.safetensors` or `.npy` file, or of a folder that holds a prompt.
        methods: Methods of PEFT whose adapters are read.
        layers: For a prefix, number of layers of the backbone in which it has keys and values. None reads all layers
            that an adapter has.

    Returns:
        Array of the file. A PEFT adapter may hold a prompt for the encoder and another for the decoder. Then the
        encoder's prompt is returned, and a message is written to stderr. For the prefix of an encoder-decoder model,
        the keys and values that PEFT gives to the self-attention of the decoder's layers are returned.

    Raises:
        ConfigError: The file is missing, unreadable, or of another kind.
    """
    try:
        file = prompt_file(path)
        is_folder, is_file = file.is_dir(), file.is_file()
    except (OSError, RuntimeError) as error:  # the name is too long, or the user of ~user is unknown
        raise bad_file(path, f"cannot be a file ({reason_of(error)}). Choose another file.") from error
    if is_folder:
        raise bad_file(path, f"is a folder without a prompt: it has none of {', '.join(PROMPT_FILES)}.")
    if file.suffix not in {".safetensors", ".npy"}:
        raise bad_file(path, "must end in .safetensors or .npy.")
    if not is_file:
        raise bad_file(path, "no such file. Give a path from the folder in which the run is started.")
    try:
        refuse_pointer(file)
        return _read_numpy(file) if file.suffix == ".npy" else _read_safetensors(file, methods, layers)
    except ConfigError:
        raise
    except Unreadable as error:
        raise bad_file(path, f"{str(error).removeprefix(f'{file}: ')}. Choose another file.") from error
    except Exception as error:  # NumPy reads a header with Python's parser, which raises errors of many types
        raise bad_file(path, f"cannot be read ({reason_of(error)}). Choose another file.") from error


def bad_file(path: str, advice: str) -> ConfigError:
    """Make the error for a prompt file that cannot be used."""
    return ConfigError.of("init.path", path, advice)


def _read_numpy(file: Path) -> Tensor:
    """Read a `.npy` file. Memory-mapping it first refuses a header whose array is larger than the file."""
    array = np.lib.format.open_memmap(file, mode="r")
    return torch.from_numpy(np.array(array, dtype=array.dtype.newbyteorder("=")))


def _read_safetensors(file: Path, methods: tuple[str, ...], layers: int | None) -> Tensor:
    with safe_open(file, framework="pt") as tensors:
        names = list(tensors.keys())
        named = names if len(names) == 1 else [key for key in PROMPT_KEYS if key in names]
        if not named:
            advice = f"holds {sorted(names)}, but must hold one tensor, or a tensor {' or '.join(PROMPT_KEYS)}."
            raise bad_file(str(file), advice)
        prompt: Tensor = tensors.get_tensor(named[0])
    config = file.with_name("adapter_config.json")
    if not config.is_file():
        return prompt
    settings = read_object(config)
    if settings.get("peft_type") not in methods:
        advice = f"is an adapter of PEFT's {settings.get('peft_type')}. Choose an adapter of {' or '.join(methods)}"
        hint = ", or set encoder=prefix" if settings.get("peft_type") in PREFIX_METHODS else ""
        raise bad_file(str(file), f"{advice}{hint}.")
    if settings["peft_type"] in PREFIX_METHODS:
        return _of_prefix(file, settings, prompt, layers)
    return _of_encoder(file, settings, prompt)


def _of_prefix(file: Path, settings: dict[str, Any], prefix: Tensor, layers: int | None) -> Tensor:
    """Return the keys and values of an adapter in layer order; for a decoder, of its first layers only."""
    if prefix.ndim != 2:
        raise bad_file(str(file), f"has shape {list(prefix.shape)}, but a prefix has one row for each virtual token.")
    try:
        columns = columns_of_self_attention(prefix.shape[1], settings)
    except ValueError as error:
        raise bad_file(str(file), f"does not fit its adapter_config.json: {error}.") from error
    if settings.get("num_transformer_submodules") != 2 or layers is None:
        return prefix[:, columns]
    return prefix[:, columns[: layers * (len(columns) // settings["num_layers"])]]


def _of_encoder(file: Path, settings: dict[str, Any], prompt: Tensor) -> Tensor:
    """Return the vectors of an adapter that belong in the input of the encoder, or of a decoder-only model.

    For an encoder-decoder model, PEFT trains two prompts by default: one for the encoder and one for the decoder.
    """
    count = settings.get("num_virtual_tokens")
    if prompt.ndim != 2 or not isinstance(count, int) or len(prompt) != 2 * count:
        return prompt
    _say_half(str(file), count)
    return prompt[:count]


@functools.cache
def _say_half(file: str, count: int) -> None:
    """Write to stderr, once for each file, that only the prompt for the encoder is used."""
    sys.stderr.write(
        f"{file}: has {count} virtual tokens for the encoder and {count} for the decoder; rpt uses the encoder's\n"
    )
