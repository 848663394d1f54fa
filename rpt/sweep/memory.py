"""Compute the memory that a run's weights and optimizer state take, and the memory that is free for a pack.

The memory of a forward pass does not depend on the number of runs: `trainer.token_budget` bounds it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import torch

from rpt.backbones.files import NoSuchBackbone, gguf_file, locate, model_config
from rpt.backbones.gguf import read_head
from rpt.config.construct import construct_with_known
from rpt.config.schema import Component, Config
from rpt.config.signatures import coerce
from rpt.prompt.init import InitSource
from rpt.prompt.needs import table_rows
from rpt.prompt.soft_prompt import SoftPrompt
from rpt.system.reading import Unreadable

COPIES = 5
"""Copies in memory of each trained number: value, gradient, AdamW's two moments, and value at the best evaluation."""

SHARE = 0.5
"""Share of the free memory for a pack's weights and optimizer states. Backbone and forward passes use the rest."""

UNKNOWN_WIDTH = 4096
"""Width that is assumed for a backbone whose config has no width. It is large, so that packs fit into memory."""

UNKNOWN_VOCABULARY = 32_000
"""Number of rows of the vocabulary that is assumed while the memory of an encoder is estimated."""

MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")

CONTAINER_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
"""Files of a container's memory, for cgroups version 2 and version 1.

Each entry names the file of the limit, the file of the usage, the file of statistics, and the key of the inactive page
cache in the statistics.
"""


def bytes_of_run(config: Config) -> int:
    """Compute the bytes of a run's trainable state: prompt table, encoder and head, each number `COPIES` times."""
    section = config.backbone
    width, state_width = _widths(section.package, section.path, section.hub_id, section.revision)
    numbers = state_width * len(config.task.labels or ()) if section.family == "encoder" else 0
    if config.has_prompt:
        length = config.prompt.length
        options = json.dumps(config.encoder.options, sort_keys=True)
        numbers += _prompt_numbers(str(config.encoder.target), options, length, width)
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
def _prompt_numbers(target: str, options: str, length: int, width: int) -> int:
    """Count the trainable numbers of a prompt by building it on torch's meta device, which takes no memory."""
    component = coerce(Component.model_validate({"_target_": target, **json.loads(options)}), "encoder")
    try:
        with torch.device("meta"):
            known = {"vocabulary": InitSource(torch.empty(UNKNOWN_VOCABULARY, width), None, ())}
            encoder = construct_with_known("encoder", component, known, length=length, hidden=width)
            prompt = SoftPrompt(torch.empty(table_rows(encoder, length), width), encoder)
    except Exception:  # training reports the error; an encoder may read its vocabulary, which has no values here
        return length * width
    return sum(parameter.numel() for parameter in prompt.parameters())


@cache
def _widths(package: str | None, path: str | None, hub_id: str | None, revision: str | None) -> tuple[int, int]:
    """Read the widths of the backbone's input embeddings and of its hidden states from its config or GGUF file.

    The two widths differ in the small ELECTRA models. A missing width is `UNKNOWN_WIDTH`.
    """
    try:
        embedding = None
        folder = locate(package, path, hub_id, revision)
        packed = gguf_file(folder)
        if packed is not None:
            head = read_head(packed)
            widths = [head.get(f"{head.get('general.architecture')}.embedding_length")]
        else:
            config = model_config(folder)
            widths = [config.get(key) for key in ("hidden_size", "d_model", "n_embd", "dim")]
            embedding = config.get("embedding_size")
    except (NoSuchBackbone, Unreadable, OSError, ValueError):  # training reports the error
        return UNKNOWN_WIDTH, UNKNOWN_WIDTH
    states = next((number for number in widths if isinstance(number, int)), UNKNOWN_WIDTH)
    return (embedding if isinstance(embedding, int) else states), states


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
