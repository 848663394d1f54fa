"""Read the number of a model's layers from its files, without loading weights.

The check of a configuration calls this module, so neither torch nor transformers is imported here.
"""

from __future__ import annotations

from pathlib import Path

from rpt.backbones.files import COPY_ADVICE, NoSuchBackbone, gguf_file, model_config
from rpt.backbones.gguf import read_head, require_count
from rpt.system.reading import Unreadable

LAYER_KEYS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""Keys of config.json that hold the number of layers of the supported model types."""


def num_layers(folder: Path) -> int | None:
    """Read a backbone's number of layers (for T5, of its encoder); None if config.json does not state it as an integer.

    Raises:
        NoSuchBackbone: `config.json` or the head of a GGUF file cannot be read.
    """
    packed = gguf_file(folder)
    if packed is not None:
        try:
            return require_count(packed, read_head(packed), "block_count")
        except Unreadable as error:
            raise NoSuchBackbone(f"{error}. {COPY_ADVICE}") from error
    config = model_config(folder)
    number = next((config[key] for key in LAYER_KEYS if key in config), None)
    return number if type(number) is int else None
