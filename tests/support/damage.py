"""Ways to break a model folder: each gives a function that changes the folder's files."""

import json

import torch
from safetensors.torch import load_file

from tests.support.models import edit_config, edit_weights, tokenizer


def text(name, content):
    """Replace a file's content."""
    data = content if isinstance(content, bytes) else content.encode()
    return lambda folder: (folder / name).write_bytes(data)


def config(**values):
    """Set keys of config.json."""
    return lambda folder: edit_config(folder, lambda old: {**old, **values})


def weights(change):
    """Change the tensors of model.safetensors."""
    return lambda folder: edit_weights(folder, change)


def raw(change):
    """Change the bytes of model.safetensors."""

    def damage(folder):
        path = folder / "model.safetensors"
        path.write_bytes(change(path.read_bytes()))

    return damage


def index(content):
    """Replace the weight file by an index of shards."""

    def damage(folder):
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps(content))

    return damage


def as_pickle(save):
    """Replace the weight file by a PyTorch file that `save(stored, path)` writes."""

    def damage(folder):
        path = folder / "model.safetensors"
        stored = load_file(path)
        path.unlink()
        save(stored, folder / "pytorch_model.bin")

    return damage


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def quantised(stored):
    return {key: value.to(torch.float8_e4m3fn) if value.ndim == 2 else value for key, value in stored.items()}


def packed_in_bytes(stored):
    return {key: value.to(torch.uint8) if "q_proj" in key else value for key, value in stored.items()}


def more_tokens(folder):
    made = tokenizer()
    made.add_tokens([f"more{number}" for number in range(9)])
    made.save_pretrained(folder)


class RunsCode:
    """An object whose pickle runs code."""

    def __reduce__(self):
        return (print, ("this ran",))
