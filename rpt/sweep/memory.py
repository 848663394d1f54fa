"""Compute the memory that a run's weights and optimizer state take, and the memory that is free for a pack.

The memory of a forward pass does not depend on the number of runs: `trainer.token_budget` bounds it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from rpt.backbones.files import NoSuchBackbone, gguf_file, locate, model_config
from rpt.backbones.gguf import read_head
from rpt.config.construct import construct_with_known
from rpt.config.schema import Component, Config
from rpt.config.signatures import coerce
from rpt.prompt.init import InitSource
from rpt.prompt.needs import enters_every_layer, table_rows
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.system.modules import load_object
from rpt.system.reading import Unreadable

COPIES = 5
"""Copies in memory of each trained number: value, gradient, AdamW's two moments, and value at the best evaluation."""

SHARE = 0.5
"""Share of the free memory for a pack's weights and optimizer states. Backbone and forward passes use the rest."""

UNKNOWN_WIDTH = 4096
"""Width that is assumed for a backbone whose config has no width. It is large, so that packs fit into memory."""

UNKNOWN_VOCABULARY = 32_000
"""Number of rows of the vocabulary that is assumed while the memory of an encoder is estimated."""

UNKNOWN_LAYERS = 48
"""Number of layers that is assumed for a backbone whose config has no number of layers."""

UNKNOWN_MATRICES = 8
"""Number of matrices [width, width] that are assumed for an encoder that cannot be built without a backbone."""

LAYERS = ("num_hidden_layers", "num_layers", "n_layer", "n_layers")
HEADS = ("num_attention_heads", "num_heads", "n_head", "n_heads")
"""Names of the numbers of layers and of attention heads in the configs of different models."""

NAMES_IN_GGUF = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
}
"""Name of a size in the head of a GGUF file, after the architecture, by its name in config.json."""

MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")

CONTAINER_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
"""Files of a container's memory, for cgroups version 2 and version 1.

Each entry names the file of the limit, the file of the usage, the file of statistics, and the key of the inactive page
cache in the statistics.
"""


class _Sizes(NamedTuple):
    """Sizes of a backbone on which the number of trained parameters depends.

    Attributes:
        embedding: Width of the input embeddings. It differs from `states` in the small ELECTRA models.
        states: Width of the hidden states.
        layers: Number of layers; for T5, the number of the encoder's layers.
        key_value_layers: Number of layers in which a prefix has keys and values; for T5, the decoder's layers.
        key_values: Number of keys and values of one token in all these layers.
    """

    embedding: int
    states: int
    layers: int
    key_value_layers: int
    key_values: int


def bytes_of_run(config: Config) -> int:
    """Compute the bytes of a run's trainable state: prompt table, encoder and head, each number `COPIES` times."""
    section = config.backbone
    sizes = _sizes(section.package, section.path, section.hub_id, section.revision)
    numbers = sizes.states * len(config.task.labels or ()) if section.family == "encoder" else 0
    if config.has_prompt:
        length = config.prompt.length
        options = json.dumps(config.encoder.options, sort_keys=True)
        numbers += _prompt_numbers(str(config.encoder.target), options, length, sizes)
    return numbers * (8 if section.dtype == "float64" else 4) * COPIES


def budget_bytes(config: Config, of_worker: int | None = None) -> int | None:
    """Compute the bytes that a pack's weights and optimizer states may take; None if the free memory is unknown.

    Args:
        config: Configuration of any run of the pack.
        of_worker: Memory in bytes of the worker that trains the pack; None if this process trains the pack.
    """
    if of_worker is not None:
        return int(of_worker * SHARE)
    if config.trainer.device != "cpu" and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return int(free * SHARE)
    free_here = [size for size in (_free_of_machine(), _free_of_container()) if size is not None]
    return int(min(free_here) * SHARE) if free_here else None


@cache
def _prompt_numbers(target: str, options: str, length: int, sizes: _Sizes) -> int:
    """Count the trainable numbers of a prompt by building it on torch's meta device, which takes no memory."""
    component = coerce(Component.model_validate({"_target_": target, **json.loads(options)}), "encoder")
    width, layers = sizes.embedding, sizes.layers
    try:
        if enters_every_layer(load_object(target)):
            width, layers = sizes.key_values, sizes.key_value_layers
        with torch.device("meta"):
            vocabulary = InitSource(torch.empty(UNKNOWN_VOCABULARY, width), None, ())
            known = {"vocabulary": vocabulary, "backbone_layers": layers}
            encoder = construct_with_known("encoder", component, known, length=length, hidden=width)
            prompt = SoftPrompt(torch.empty(table_rows(encoder, length), width), encoder)
    except Exception:  # training reports the error; an encoder may read its vocabulary, which has no values here
        return length * width + UNKNOWN_MATRICES * sizes.embedding**2
    return sum(parameter.numel() for parameter in prompt.parameters())


@cache
def _sizes(package: str | None, path: str | None, hub_id: str | None, revision: str | None) -> _Sizes:
    """Read the sizes of a backbone from its config or GGUF file. A missing size is replaced by a large size."""
    try:
        folder = locate(package, path, hub_id, revision)
        packed = gguf_file(folder)
        config = model_config(folder) if packed is None else _config_of_gguf(read_head(packed))
    except (NoSuchBackbone, Unreadable, OSError, ValueError):  # training reports the error
        config = {}

    def first(keys: Sequence[str], otherwise: int) -> int:
        return next((value for key in keys if type(value := config.get(key)) is int and value > 0), otherwise)

    states = first(("hidden_size", "d_model", "n_embd", "dim"), UNKNOWN_WIDTH)
    layers = first(LAYERS, UNKNOWN_LAYERS)
    key_value_layers = first(("num_decoder_layers",), layers)
    heads = first(HEADS, 1)
    key_value_heads = first(("num_key_value_heads",), heads)
    size_of_head = first(("head_dim", "d_kv"), -(-states // heads))
    return _Sizes(
        embedding=first(("embedding_size",), states),
        states=states,
        layers=layers,
        key_value_layers=key_value_layers,
        key_values=key_value_layers * 2 * key_value_heads * size_of_head,
    )


def _config_of_gguf(head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes in the head of a GGUF file under the names of config.json."""
    architecture = head.get("general.architecture")
    return {key: head.get(f"{architecture}.{name}") for key, name in NAMES_IN_GGUF.items()}


def _free_of_machine() -> int | None:
    if not MEMINFO.exists():
        return None
    for line in MEMINFO.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _free_of_container() -> int | None:
    """Read the bytes below the container's memory limit that are not used; None if no limit is found.

    The inactive page cache counts as free: the kernel counts it as used, but drops it when a process needs memory.
    """
    for limit, used, stat, cached in CONTAINER_FILES:
        if (CGROUP / limit).exists() and (CGROUP / used).exists():
            most = (CGROUP / limit).read_text(encoding="ascii").strip()
            in_use = int((CGROUP / used).read_text(encoding="ascii")) - _cached(stat, cached)
            return None if most == "max" else int(most) - in_use
    return None


def _cached(name: str, key: str) -> int:
    """Read the bytes of a container's inactive page cache."""
    path = CGROUP / name
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key} ")), 0)
