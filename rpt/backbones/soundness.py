"""Refuse a model folder with damaged, quantised or contradictory files, before any weight is loaded.

The check of a configuration calls this module, so neither torch nor transformers is imported here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rpt.backbones.depth import LAYER_KEYS
from rpt.backbones.files import COPY_ADVICE, TOKENIZERS, NoSuchBackbone, gguf_file, model_config, weight_files
from rpt.backbones.gguf import check_head
from rpt.backbones.tensors import StoredTensor, read_header
from rpt.system.reading import Unreadable, refuse_pointer

LAYER = re.compile(r"(?:^|\.)(?:layers?|h)\.(\d+)\.")
STACK_LAYER = re.compile(r"^(encoder|decoder)\.block\.(\d+)\.")
"""Pattern of stack and layer number in the names of T5's tensors. `LAYER` is for models with a single stack."""

FLOATS = ("F64", "F32", "F16", "BF16")
"""Dtypes of weights that are not quantised, as safetensors names them."""

BUFFERS = re.compile(r"(?:^|\.)(?:position_ids|token_type_ids|inv_freq|masked_bias|bias)$")
"""Pattern of the names of tensors that may have an integer dtype, because they are not weights."""


def refuse_unsound(folder: Path) -> None:
    """Refuse a model folder whose files are damaged, quantised or do not belong together.

    Args:
        folder: Folder in the hub's layout, or folder with a GGUF file, whose head is checked.

    Raises:
        NoSuchBackbone: The folder cannot be used. The message names the file, the fault, and what to do.
    """
    packed = gguf_file(folder)
    if packed is not None:
        try:
            check_head(packed)
        except Unreadable as error:
            raise NoSuchBackbone(f"{error}. {COPY_ADVICE}") from error
        return
    config = model_config(folder)
    if config.get("quantization_config") is not None:
        method = config["quantization_config"]
        kind = method.get("quant_method") if isinstance(method, dict) else None
        raise NoSuchBackbone(
            f"{folder}: holds quantised weights ({kind or 'quantization_config'} in config.json), which rpt does not "
            "read. Name the folder of the model before it was quantised, or a GGUF file of a Llama."
        )
    for name in TOKENIZERS:
        _refuse_empty(folder / name)
    files = weight_files(folder)
    headers: dict[str, StoredTensor] = {}
    for file in files:
        _refuse_empty(file)
        if file.suffix == ".safetensors":
            headers |= _header(file)
    if headers:
        _refuse_quantised(folder, headers)
        refuse_other_depth(folder, config, headers)


def refuse_other_depth(folder: Path, config: Mapping[str, Any], names: Iterable[str]) -> None:
    """Refuse a config.json that asks for fewer or more layers than the weight files hold.

    Args:
        folder: Folder of the model, for the message.
        config: Content of config.json.
        names: Names of the weight files' tensors.

    Raises:
        NoSuchBackbone: The numbers of layers differ, or the number in config.json is not a whole number.
    """
    key = next((key for key in LAYER_KEYS if key in config), None)
    if key is None:
        return  # the model type's default applies, and loading compares it with the tensors
    stored_depth: dict[str, int] = {}
    for name in names:
        stack = STACK_LAYER.search(name)
        match = stack or LAYER.search(name)
        if match is not None:
            part = stack[1] if stack else ""
            stored_depth[part] = max(stored_depth.get(part, 0), int(match[2 if stack else 1]) + 1)
    if config.get("model_type") in ("t5", "mt5"):
        own = config.get("num_decoder_layers")
        stated_layers = {"encoder": (key, config[key])}
        stated_layers["decoder"] = (key, config[key]) if own is None else ("num_decoder_layers", own)
    else:
        stated_layers = {"": (key, config[key])}
    for part, (name, value) in stated_layers.items():
        if type(value) is not int or value != stored_depth.get(part, 0):
            layers = f"{part} layers".strip()
            raise NoSuchBackbone(
                f"{folder / 'config.json'}: says {name} = {value!r}, but the weight files hold "
                f"{stored_depth.get(part, 0)} {layers}. Correct {name}, or copy the whole model again."
            )


def _header(file: Path) -> dict[str, StoredTensor]:
    try:
        return read_header(file)
    except Unreadable as error:
        raise NoSuchBackbone(f"{error}. {COPY_ADVICE}") from error


def _refuse_empty(file: Path) -> None:
    """Refuse an empty file and a pointer file of git-lfs. A missing file is not refused."""
    if not file.is_file():
        return
    try:
        refuse_pointer(file)
    except Unreadable as error:
        raise NoSuchBackbone(f"{error}, or copy the whole model again.") from error
    if file.stat().st_size == 0:
        raise NoSuchBackbone(f"{file}: is empty. {COPY_ADVICE}")


def _refuse_quantised(folder: Path, tensors: Mapping[str, StoredTensor]) -> None:
    for name, tensor in sorted(tensors.items()):
        if tensor.dtype not in FLOATS and not BUFFERS.search(name):
            raise NoSuchBackbone(
                f"{folder}: holds {name} as {tensor.dtype}: its weights are quantised, which rpt does not read. "
                f"Name a folder with weights of {', '.join(FLOATS)}."
            )
