"""Read the header of a safetensors file (names, dtypes and shapes of its tensors) without loading the tensors.

Source: the format's description (GitHub huggingface/safetensors, README.md, "Format").
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from rpt.system.reading import Unreadable, reason_of, refuse_pointer

LARGEST_HEADER = 100_000_000
"""Size of the largest header that the format allows, in bytes."""

BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
"""Size of a value in bytes, for each dtype that a backbone's file may hold."""


class StoredTensor(NamedTuple):
    """Dtype and shape of a tensor, from the header of a safetensors file.

    Attributes:
        dtype: Name of the dtype in the safetensors format, such as `BF16`.
        shape: Shape of the tensor.
    """

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, StoredTensor]:
    """Read a safetensors file's header, and check that the file has the size that the header describes.

    Returns:
        Dtype and shape of each tensor by name.

    Raises:
        Unreadable: The file has another format, is damaged or is cut off.
    """
    refuse_pointer(path)
    size = 0
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            text = file.read(length) if length <= min(LARGEST_HEADER, size) else b""
        header: Any = json.loads(text)
        header.pop("__metadata__", None)
        tensors = {name: StoredTensor(str(entry["dtype"]), tuple(entry["shape"])) for name, entry in header.items()}
        ends = [_end(entry, tensors[name]) for name, entry in header.items()]
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read ({reason_of(error)})") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = "is empty" if size == 0 else "is not a safetensors file, or its header is damaged"
        raise Unreadable(f"{path}: {reason}") from error
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        what = "is cut off" if size < expected else "has bytes behind its end"
        raise Unreadable(f"{path}: {what}: its header describes {expected} bytes, but it has {size}")
    return tensors


def _end(entry: dict[str, Any], tensor: StoredTensor) -> int:
    """Return the offset of the end of a tensor's bytes in the file's data.

    Raises:
        ValueError: Shape, dtype and position of the tensor contradict each other.
    """
    start, end = entry["data_offsets"]
    numbers = [start, end, *tensor.shape]
    if not all(type(number) is int and 0 <= number < 2**63 for number in numbers):
        raise ValueError("a shape or a position is not a number")
    if tensor.dtype in BYTES and end - start != prod(tensor.shape) * BYTES[tensor.dtype]:
        raise ValueError("a tensor's shape does not fit its bytes")
    return int(end)
