"""How much memory a run's own state takes in a pack, and how much there is.

The forward's memory is bounded by `trainer.token_budget`, whatever the number of runs.
"""

from __future__ import annotations

import importlib
import json
from functools import cache
from pathlib import Path

import torch
from torch import nn

from rpt.backbones.files import NoSuchBackbone, gguf_file, locate, model_config
from rpt.backbones.gguf import NotGguf, read_head
from rpt.config import Component, Config

COPIES = 5
"""Of each trained number: itself, its gradient, AdamW's two moments, and the best state so far."""

SHARE = 0.5
"""Of the free memory that the states of a pack may take; backbone, forward and libraries share the rest."""

UNKNOWN_WIDTH = 4096
"""Taken for a backbone whose config names no width: wider than most, so that packs are rather too small."""

MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")

CONTAINER_FILES = (
    ("memory.max", "memory.current", "memory.stat", "inactive_file"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
)
"""A container's limit, what it uses, where and as what its page cache is named: by cgroups version 2, and by 1."""


def bytes_of_run(config: Config) -> int:
    """Memory of a run's trainable state: table, encoder and head, with their `COPIES`; encoders are only measured."""
    section = config.backbone
    width = _width(section.package, section.path, section.hub_id, section.revision)
    numbers = width * len(config.task.labels or ()) if section.family == "encoder" else 0
    if config.has_prompt:
        length = config.prompt.length
        options = json.dumps(config.encoder.options, sort_keys=True)
        numbers += length * width + _encoder_numbers(str(config.encoder.target), options, length, width)
    return numbers * (8 if section.dtype == "float64" else 4) * COPIES


def budget_bytes(config: Config, of_worker: int | None = None) -> int | None:
    """What the states of a pack may take; None where the system does not say what is free.

    Args:
        config: Of a run of the pack.
        of_worker: All memory of the worker that trains it; None: it is trained here.
    """
    if of_worker is not None:
        return int(of_worker * SHARE)
    if config.trainer.device != "cpu" and torch.cuda.is_available():
        free, _ = torch.cuda.mem_get_info()
        return int(free * SHARE)
    free_here = [found for found in (_free_of_machine(), _free_of_container()) if found is not None]
    return int(min(free_here) * SHARE) if free_here else None


@cache
def _encoder_numbers(target: str, options: str, length: int, width: int) -> int:
    """How many numbers an encoder trains, found by building it without memory, on torch's meta device."""
    module, _, name = target.rpartition(".")
    component = Component.model_validate({"_target_": target, **json.loads(options)})
    with torch.device("meta"):
        encoder = getattr(importlib.import_module(module), name)(length=length, hidden=width, **component.options)
    assert isinstance(encoder, nn.Module)
    return sum(parameter.numel() for parameter in encoder.parameters())


@cache
def _width(package: str | None, path: str | None, hub_id: str | None, revision: str | None) -> int:
    """Width of the backbone's input embeddings, as its own config says."""
    try:
        folder = locate(package, path, hub_id, revision)
        packed = gguf_file(folder)
        if packed is not None:
            head = read_head(packed)
            named = [head.get(f"{head.get('general.architecture')}.embedding_length")]
        else:
            config = model_config(folder)
            named = [config.get(key) for key in ("embedding_size", "hidden_size", "d_model", "n_embd", "dim")]
    except (NoSuchBackbone, NotGguf, OSError, ValueError):  # training says what is wrong with it
        return UNKNOWN_WIDTH
    return next((number for number in named if isinstance(number, int)), UNKNOWN_WIDTH)


def _free_of_machine() -> int | None:
    if not MEMINFO.exists():
        return None
    for line in MEMINFO.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _free_of_container() -> int | None:
    """What a container's limit leaves; None where there is no limit, or none that is written there.

    Files that were read and lie in the page cache count as used until somebody needs their room: they are free.
    """
    for limit, used, stat, cached in CONTAINER_FILES:
        if (CGROUP / limit).exists() and (CGROUP / used).exists():
            most = (CGROUP / limit).read_text(encoding="ascii").strip()
            taken = int((CGROUP / used).read_text(encoding="ascii")) - _cached(stat, cached)
            return None if most == "max" else int(most) - taken
    return None


def _cached(name: str, key: str) -> int:
    """Bytes of a container's page cache that were not used lately."""
    path = CGROUP / name
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key} ")), 0)
