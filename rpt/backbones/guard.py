"""Turn errors of other libraries about a model's files into a message of one line with advice.

Several libraries read a model's files, and each raises different types of errors for a damaged file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rpt.backbones.files import COPY_ADVICE
from rpt.errors import RptError, WeightsError
from rpt.system.out_of_memory import is_out_of_memory
from rpt.system.reading import Unreadable, read_object, reason_of

TEXTS = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json")
"""JSON files other than config.json that transformers reads. The errors of transformers do not name these files."""


@contextmanager
def guarded(path: Path, what: str) -> Iterator[None]:
    """Turn errors of transformers, tokenizers and gguf about a model's files into an error that says what to do.

    Args:
        path: Path of the model's folder or GGUF file.
        what: Statement about the files for the error message, such as `its weights cannot be loaded`.

    Raises:
        WeightsError: The block has raised an error. Errors of rpt and out-of-memory errors are raised unchanged.
    """
    try:
        yield
    except BaseException as error:
        # A panic of tokenizers' Rust code is a BaseException, not an Exception.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if isinstance(error, WeightsError):
            raise WeightsError(f"{path}: {error}") from error
        if isinstance(error, RptError) or (isinstance(error, Exception) and is_out_of_memory(error)):
            raise
        raise WeightsError(f"{_unreadable(path) or f'{path}: {what} ({reason_of(error)})'}. {COPY_ADVICE}") from error


def _unreadable(path: Path) -> str | None:
    """Describe the first file named in `TEXTS` that is not a JSON object; None if the folder has no such file."""
    for name in TEXTS:
        if (path / name).is_file():
            try:
                read_object(path / name)
            except Unreadable as error:
                return str(error)
    return None
