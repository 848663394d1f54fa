"""Options of the cache of texts, with the facts that can change the last bits of cached states."""

from __future__ import annotations

from pathlib import Path

import torch

from rpt.backbones.cache_options import CacheOptions
from rpt.config.options import num_bytes
from rpt.config.schema import Config
from rpt.tracking.environment import bits
from rpt.tracking.identity import TRAINING_VERSION


def cache_options(config: Config, device: torch.device) -> CacheOptions:
    """Return limits and folder of the cache of texts, and the facts that can change the last bits of its states.

    Args:
        config: Checked configuration of a run.
        device: Device of the backbone.
    """
    section = config.backbone
    facts = {
        **bits(device),
        "training": TRAINING_VERSION,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "matmul_precision": torch.get_float32_matmul_precision(),
        "deterministic": config.trainer.lightning.deterministic,
    }
    folder = None if section.text_cache_dir is None else Path(section.text_cache_dir)
    return CacheOptions(num_bytes(section.text_cache_memory), folder, num_bytes(section.text_cache_disk), facts)
