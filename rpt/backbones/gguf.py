"""Read the metadata at the head of a GGUF file (llama.cpp's format of quantised models) without loading its tensors.

Source: the GGUF specification (GitHub ggml-org/ggml, docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Format character of `struct` by the GGUF number of each scalar type."""
STRING, ARRAY = 8, 9
TOKENS = "tokenizer."
"""Prefix of the tokenizer's entries, which are large. Reading stops at the first of them."""


class NotGguf(ValueError):
    """The file is not a readable GGUF file."""


def read_head(path: Path) -> dict[str, Any]:
    """Read the entries that describe the model, up to the tokenizer's entries. Arrays are left out.

    Raises:
        NotGguf: The file has another format or another version, or ends too early.
        OSError: The file cannot be read.
    """
    head: dict[str, Any] = {}
    with path.open("rb") as file:
        try:
            if file.read(4) != b"GGUF":
                raise NotGguf(f"{path} is no GGUF file")
            version, _, entries = _unpack(file, "<IQQ")
            if version not in (2, 3):
                raise NotGguf(f"{path} has version {version} of the format, 2 and 3 are read")
            for _ in range(entries):
                key = _string(file)
                if key.startswith(TOKENS):
                    break
                value = _value(file, *_unpack(file, "<I"))
                if value is not None:
                    head[key] = value
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise NotGguf(f"{path} is damaged: its head cannot be read") from error
    return head


def _value(file: BinaryIO, kind: int) -> Any:
    """Read one value; an array is skipped and gives None."""
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        item, length = _unpack(file, "<IQ")
        for _ in range(length):
            _value(file, item)
        return None
    return _unpack(file, "<" + SCALARS[kind])[0]


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<Q")
    if length > 2**20:
        raise struct.error("a text of over a million bytes")
    return file.read(length).decode()


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
