"""Read the metadata at the head of a GGUF file (llama.cpp's format of quantised models) without loading its tensors.

`gguf.GGUFReader` is not used: it reads the whole tokenizer, which takes 2.5 s for SmolLM2 instead of 0.3 ms, and its
import takes 0.4 s more. A wrong configuration must be refused within a second.

Source: the GGUF specification (GitHub ggml-org/ggml, docs/gguf.md), versions 2 and 3.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

from rpt.system.reading import Unreadable, reason_of, refuse_pointer

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Format character of `struct` by the GGUF number of each scalar type."""
STRING, ARRAY = 8, 9
TOKENS = "tokenizer."
"""Prefix of the tokenizer's entries, which are large. Reading stops at the first of them."""


MAX_NESTING = 8
"""Largest depth of nested arrays. Files of real models do not nest arrays."""

COUNTS = ("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count")
"""Entries of a Llama that are whole numbers of at least 1; each key begins with the architecture."""


class NotGguf(Unreadable):
    """A file is not a readable GGUF file, or its head describes no model."""


def read_head(path: Path) -> dict[str, Any]:
    """Read the entries that describe the model, up to the tokenizer's entries. Arrays are left out.

    Raises:
        NotGguf: The file has another format or another version, ends too early, or names no architecture.
        Unreadable: The file cannot be opened, or git-lfs has not fetched it.
    """
    refuse_pointer(path)
    try:
        with path.open("rb") as file:
            if file.read(4) != b"GGUF":
                raise NotGguf(f"{path}: is not a GGUF file")
            version, _, entries = _unpack(file, "<IQQ")
            if version not in (2, 3):
                raise NotGguf(f"{path}: has version {version} of the GGUF format, but rpt reads only versions 2 and 3")
            head = _entries(file, entries)
    except (struct.error, UnicodeDecodeError) as error:
        raise NotGguf(f"{path}: is damaged: its header cannot be read ({reason_of(error)})") from error
    except OSError as error:
        raise Unreadable(f"{path}: cannot be read ({reason_of(error)})") from error
    if not isinstance(head.get("general.architecture"), str):
        raise NotGguf(f"{path}: has no text general.architecture in its header")
    return head


def require_count(path: Path, head: dict[str, Any], name: str) -> int:
    """Return an entry of the architecture that must be a whole number of at least 1.

    Args:
        path: Path of the file, for the error message.
        head: Entries of the file, as `read_head` returns them.
        name: Key of the entry without the architecture, such as `context_length`.

    Raises:
        NotGguf: The entry is missing or of another kind.
    """
    key = f"{head['general.architecture']}.{name}"
    value = head.get(key)
    if type(value) is not int or value < 1:
        raise NotGguf(f"{path}: has {key} = {value!r} in its header, where a whole number of at least 1 is expected")
    return value


def check_head(path: Path) -> None:
    """Refuse a GGUF file if its metadata describe no model, or a model that is too large for the file.

    Raises:
        NotGguf: An entry of the metadata is missing or wrong. The message names it.
        Unreadable: The file cannot be opened, or git-lfs has not fetched it.
    """
    head = read_head(path)
    counts = {name: require_count(path, head, name) for name in COUNTS}
    weights = counts["embedding_length"] * counts["feed_forward_length"] * counts["block_count"]
    size = path.stat().st_size
    if weights > 8 * size:  # no block of the format takes less than a bit for a weight
        raise NotGguf(
            f"{path}: has {size} bytes, too few for the {counts['block_count']} layers of "
            f"{counts['embedding_length']} x {counts['feed_forward_length']} weights in its header"
        )


def _entries(file: BinaryIO, count: int) -> dict[str, Any]:
    head: dict[str, Any] = {}
    for _ in range(count):
        key = _string(file)
        if key.startswith(TOKENS):
            break
        value = _value(file, *_unpack(file, "<I"))
        if value is not None:
            head[key] = value
    return head


def _value(file: BinaryIO, kind: int, depth: int = 0) -> Any:
    """Read one value; an array is skipped and gives None."""
    if kind == STRING:
        return _string(file)
    if kind == ARRAY:
        _skip_array(file, depth)
        return None
    if kind not in SCALARS:
        raise struct.error(f"{kind} is not a type of the format")
    return _unpack(file, "<" + SCALARS[kind])[0]


def _skip_array(file: BinaryIO, depth: int) -> None:
    """Skip an array.

    Raises:
        struct.error: The array is nested too deeply, or longer than the rest of the file.
    """
    item, length = _unpack(file, "<IQ")
    if depth == MAX_NESTING:
        raise struct.error("arrays are nested too deeply")
    if item not in SCALARS:
        for _ in range(length):
            _value(file, item, depth + 1)
        return
    num_bytes = length * struct.calcsize("<" + SCALARS[item])
    if num_bytes > os.fstat(file.fileno()).st_size - file.tell():
        raise struct.error(f"an array of {length} values is longer than the file")
    file.seek(num_bytes, os.SEEK_CUR)


def _string(file: BinaryIO) -> str:
    (length,) = _unpack(file, "<Q")
    if length > 2**20:
        raise struct.error("a text of over a million bytes")
    content = file.read(length)
    if len(content) < length:
        raise struct.error("the file ends within a text")
    return content.decode()


def _unpack(file: BinaryIO, layout: str) -> tuple[Any, ...]:
    return struct.unpack(layout, file.read(struct.calcsize(layout)))
