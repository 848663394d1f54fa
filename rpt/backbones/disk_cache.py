"""Cache of computed tensors in files, which later epochs and later processes read instead of computing them again.

A tensor depends on its key and on facts: weights and configuration of the backbone, dtype, layer, device, and versions
of the libraries. Each set of facts has a folder of its own, so that a tensor of another backbone or dtype is never
found.

Each tensor is a safetensors file, which is mapped into memory when it is read. The file is written under a temporary
name and then renamed, so that several processes can fill a folder at the same time. It holds a checksum of name, shape,
dtype and values. A file whose checksum differs is never used: the tensor is computed and written again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Hashable, Mapping
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rpt.errors import StorageError
from rpt.system.out_of_memory import is_out_of_memory
from rpt.system.writing import DRAFT, storage, write_atomic

FORMAT = 1
"""Version of the files. It must be raised when their content changes."""

HEADER = 512
"""Upper bound of the number of bytes that a file has in addition to the values of its tensor."""

RECOUNTED = 1 / 32
"""Share of `max_bytes` that a process writes before it counts all files again. Other processes may write files, too."""

DAY = 86_400.0
"""Age in seconds from which a temporary file counts as left behind by a killed process, and is removed."""


class DiskCache:
    """Cache of tensors in files of a folder, with a limit on the size of all files in the folder.

    Args:
        root: Folder that the user has chosen. It is created if missing, and may hold tensors of several backbones.
        facts: Facts on which the tensors depend in addition to their keys. All values must be convertible to JSON.
        max_bytes: Largest size of all files of cached tensors in `root`, in bytes.
        device: Device of the tensors that are read; the default is the CPU.

    Attributes:
        folder: Folder inside `root` for tensors with these facts. Its file `facts.json` holds the facts.
        max_bytes: Largest size of all files of cached tensors in `root`, in bytes.
        num_bytes: Size of all files of cached tensors in `root` when they were last counted, plus the files that this
            object has written since.
        is_full: Whether a tensor was not written because of `max_bytes`.
        failure: Reason why the folder can no longer be written; None if it can be written.

    Raises:
        StorageError: The folder cannot be created or written.

    Examples:
        >>> import tempfile, torch
        >>> cache = DiskCache(Path(tempfile.mkdtemp()), {"weights": "0a1b", "dtype": "float32"}, max_bytes=10_000)
        >>> cache.write((5, 6), torch.ones(2))
        >>> cache.read((5, 6)).tolist(), cache.read((7,))
        ([1.0, 1.0], None)
    """

    def __init__(
        self, root: Path, facts: Mapping[str, object], max_bytes: int, device: torch.device | None = None
    ) -> None:
        content = json.dumps({"format": FORMAT, **facts}, indent=2, sort_keys=True)
        self._root, self._digest, self._device = root, _sha256(content), device or torch.device("cpu")
        self._damaged: set[str] = set()
        self.folder = root / f"texts-{self._digest[:16]}"
        self.max_bytes = max_bytes
        self.is_full = False
        self.failure: str | None = None
        with storage(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.folder / "facts.json", f"{content}\n".encode())
        _remove_old_drafts(self.folder)
        self._count()

    @property
    def capacity(self) -> int:
        """Number of bytes that the tensors with these facts can take, including tensors that are already written."""
        own = _size_of_files(self.folder)
        free = shutil.disk_usage(self.folder).free
        return own + max(0, min(self.max_bytes - self.num_bytes, free))

    def read(self, key: Hashable) -> Tensor | None:
        """Read the tensor of a key; None if the folder does not hold the tensor, or holds a damaged file.

        Args:
            key: Tuple of numbers and tuples.
        """
        name = self._name(key)
        try:
            with safe_open(self._path(name), framework="pt") as file:  # maps the file into memory
                tensor: Tensor = file.get_tensor(name).clone()
                checksum = (file.metadata() or {}).get("checksum")
        except FileNotFoundError:
            return None
        except (OSError, SafetensorError) as error:
            if is_out_of_memory(error):
                raise
            self._damaged.add(name)
            return None
        if checksum != _checksum(name, tensor):
            self._damaged.add(name)
            return None
        return tensor.to(self._device)

    def write(self, key: Hashable, tensor: Tensor) -> None:
        """Write the tensor of a key, unless the folder has reached its limit or could not be written before.

        Args:
            key: Tuple of numbers and tuples.
            tensor: Tensor on any device.
        """
        size = tensor.numel() * tensor.element_size() + HEADER
        if self.failure is not None or not self._has_room(size):
            return
        name, tensor = self._name(key), tensor.detach().cpu().contiguous()
        content = save({name: tensor}, {"checksum": _checksum(name, tensor)})
        try:
            write_atomic(self._path(name), content, is_synced=False)
        except StorageError as error:
            self.failure = reason_of(error)
            return
        self.num_bytes += len(content)
        self._num_new_bytes += len(content)

    def warnings(self) -> list[str]:
        """Return a sentence for each problem that makes the cache slower. No problem changes a value."""
        problems = []
        if count := len(self._damaged):
            files = f"{count} damaged or unreadable file{'s' if count > 1 else ''}"
            problems.append(f"the text cache {self.folder} had {files}, whose texts were computed again")
        if self.failure is not None:
            problems.append(
                f"the text cache {self.folder} could not be written ({self.failure}), so texts are computed again"
            )
        if self.is_full:
            advice = "Raise backbone.text_cache_disk, or delete folders of other backbones in it"
            problems.append(f"the text cache {self._root} has reached its limit and stores no further texts. {advice}")
        return problems

    def _has_room(self, size: int) -> bool:
        if self._num_new_bytes > self.max_bytes * RECOUNTED:
            self._count()
        if self.num_bytes + size > self.max_bytes:
            self.is_full = True
            return False
        return True

    def _count(self) -> None:
        """Count the bytes of all files of cached tensors in `root`."""
        self.num_bytes = sum(_size_of_files(folder) for folder in self._root.glob("texts-*"))
        self._num_new_bytes = 0

    def _name(self, key: Hashable) -> str:
        """Return the name of a key's tensor, which is a hash of facts and key."""
        return _sha256(f"{self._digest} {json.dumps(key)}")

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def _checksum(name: str, tensor: Tensor) -> str:
    """Compute the sha256 over name, shape, dtype and bits of a contiguous tensor on the CPU."""
    digest = hashlib.sha256(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
    digest.update(tensor.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def reason_of(error: StorageError) -> str:
    """Return the operating system's reason for an error, such as `No space left on device`."""
    cause = error.__cause__
    reason = cause.strerror if isinstance(cause, OSError) else None
    return reason or str(cause)


def _size_of_files(folder: Path) -> int:
    """Return the size of all files of cached tensors in a folder; files that another process removes count as 0."""
    size = 0
    for path in folder.glob("*.safetensors"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size


def _remove_old_drafts(folder: Path) -> None:
    """Remove temporary files that are older than `DAY`."""
    for path in folder.iterdir():
        if DRAFT.fullmatch(path.name):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > DAY:
                    path.unlink()
