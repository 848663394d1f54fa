"""Ways to damage a model folder. Most functions return a function that takes the folder and changes its files."""

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


def truncate_to_half(path):
    """Cut a file to half its size."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cast_to_float8(stored):
    """Convert the weight matrices of a model to float8."""
    return {key: value.to(torch.float8_e4m3fn) if value.ndim == 2 else value for key, value in stored.items()}


def cast_queries_to_uint8(stored):
    """Convert the query projections to uint8, the format of weights that were quantised to 4 or 8 bits."""
    return {key: value.to(torch.uint8) if "q_proj" in key else value for key, value in stored.items()}


def add_tokens(folder):
    """Give the tokenizer more tokens than the model has embeddings."""
    larger = tokenizer()
    larger.add_tokens([f"more{number}" for number in range(9)])
    larger.save_pretrained(folder)


class CodeInPickle:
    """An object whose pickle executes code when it is loaded."""

    def __reduce__(self):
        return (print, ("this ran",))
