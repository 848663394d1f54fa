"""The head of a GGUF file, read without loading the rest: llama.cpp's format of quantised models.

Source: the GGUF specification (GitHub ggml-org/ggml, docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""The format's numbers for types of one value, as `struct` calls them."""
STRING, ARRAY = 8, 9
TOKENS = "tokenizer."
"""How the entries begin that are large: the head is read up to them."""


class NotGguf(ValueError):
    """The file is not one of this format."""


def read_head(path: Path) -> dict[str, Any]:
    """The entries of a file that describe its model, up to the tokenizer's, without arrays.

    Raises:
        NotGguf: It is another kind of file, of another version, or ends too early.
        OSError: It cannot be read.
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
    """One value; None for an array, which is passed over."""
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
