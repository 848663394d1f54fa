"""Find the file of a trained prompt, given a file, the folder of a run, or the folder of a PEFT adapter.

The module does not import torch, so that the configuration check can use it.
"""

from __future__ import annotations

from pathlib import Path

PROMPT_FILES = ("prompt.safetensors", "adapter_model.safetensors", "prompt.npy")
"""Names of the prompt's file in the folder of a run, of a PEFT adapter, and of an export as a NumPy array."""

ENCODER_FILE = "encoder.safetensors"
"""Name of the file in a run's folder that holds table and encoder, where no single matrix can replace them."""


def prompt_file(path: str) -> Path:
    """Return the file that `init.path` names.

    Args:
        path: Path of a file, or of a folder with a prompt. A run's folder has its prompt in `prompt.safetensors`.

    Returns:
        Path of the file with the prompt; `path` itself if it is no folder that holds a prompt.
    """
    place = Path(path).expanduser()
    return next((place / name for name in PROMPT_FILES if (place / name).is_file()), place)
