"""Open the cache on disk that belongs to a backbone."""

from __future__ import annotations

import json

from rpt.backbones.disk_cache import DiskCache, reason_of
from rpt.backbones.frozen import FrozenBackbone
from rpt.errors import ConfigError, StorageError


def open_disk_cache(backbone: FrozenBackbone, content: str) -> DiskCache | None:
    """Open the cache on disk for states of texts of a backbone; None if the options of the cache name no folder.

    Args:
        backbone: Backbone, on the device that computes the states.
        content: Kind of the states, such as `hidden states before layer 3`.

    Raises:
        ConfigError: The folder cannot be created or written.
    """
    options = backbone.cache_options
    if options.folder is None:
        return None
    config = backbone.model.config
    model = {key: value for key, value in config.to_dict().items() if key != "_name_or_path"}
    facts = {
        **options.facts,
        "content": content,
        "weights": backbone.checkpoint_fingerprint,
        "dtype": str(backbone.dtype),
        "attention": config._attn_implementation,
        "model": json.loads(json.dumps(model, default=str)),
    }
    try:
        return DiskCache(options.folder, facts, options.max_disk_bytes, backbone.device)
    except StorageError as error:
        advice = f"cannot be written ({reason_of(error)}). Set it to a writable folder with free space, or to null."
        raise ConfigError.of("backbone.text_cache_dir", str(options.folder), advice) from error
