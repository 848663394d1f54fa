"""Read safetensors and PyTorch weight files, without running code from them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from rpt.backbones.files import COPY_ADVICE
from rpt.backbones.tensors import read_header
from rpt.errors import WeightsError
from rpt.system.out_of_memory import is_out_of_memory
from rpt.system.reading import Unreadable, reason_of


def read_shapes(files: Iterable[Path]) -> dict[str, tuple[int, ...]]:
    """Read the shape of each tensor of weight files, by name. Tensors of safetensors files are not loaded.

    Raises:
        WeightsError: A file is damaged.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        if path.suffix == ".safetensors":
            try:
                shapes |= {name: tensor.shape for name, tensor in read_header(path).items()}
            except Unreadable as error:
                raise WeightsError(f"{error}. {COPY_ADVICE}") from error
        else:
            shapes |= {name: tuple(tensor.shape) for name, tensor in read_weights([path]).items()}
    return shapes


def read_weights(files: Iterable[Path]) -> dict[str, Tensor]:
    """Load all tensors of weight files, by name.

    Raises:
        WeightsError: A file is damaged, or holds an object other than a dict of tensors.
    """
    tensors: dict[str, Tensor] = {}
    for path in files:
        try:
            read = load_file(path) if path.suffix == ".safetensors" else _unpickled(path)
        except Exception as error:  # errors of torch.load have no common class
            if is_out_of_memory(error):
                raise
            raise WeightsError(f"{path}: cannot be read ({reason_of(error)}). {COPY_ADVICE}") from error
        if not isinstance(read, dict) or not all(isinstance(value, Tensor) for value in read.values()):
            raise WeightsError(f"{path}: must hold only tensors by name. Save the model again: save_pretrained.")
        tensors |= read
    return tensors


def _unpickled(path: Path) -> object:
    """Load the content of a PyTorch file. Only files of torch 1.6 and later can be mapped into memory."""
    return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
