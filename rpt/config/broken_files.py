"""Explain in plain words why a user's configuration file cannot be read."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import yaml  # type: ignore[import-untyped]
from yaml.reader import Reader  # type: ignore[import-untyped]

from rpt.config.paths import MOST_BYTES, shortened
from rpt.errors import RptError

BROKEN_FILE = (yaml.YAMLError, UnicodeDecodeError)
"""Errors that Hydra raises when a configuration file is not YAML, or not text."""


def explain_file(error: Exception) -> str:
    """Describe why a file is not YAML: the file, the line, the error and what to do."""
    if isinstance(error, UnicodeDecodeError):
        name = _file_being_read(error.__traceback__)
        return f"{name}: is not UTF-8 text ({error.reason}, byte {error.start}). Save the file as UTF-8."
    advice = "Correct the file. Text that contains a character such as : or { needs quotes."
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark) is not None:
        return f"{mark.name}:{mark.line + 1}: is not YAML ({error.problem}, column {mark.column + 1}). {advice}"
    return f"{' '.join(str(error).split())}. {advice}"


def _file_being_read(trace: TracebackType | None) -> str:
    """Find the name of the file that Hydra was reading, in the local variables of the traceback's frames."""
    name = "a configuration file"
    while trace is not None:
        name = str(trace.tb_frame.f_locals.get("full_path", name))
        trace = trace.tb_next
    return name


@contextmanager
def odd_files_refused() -> Iterator[None]:
    """Turn two errors of the block into errors with advice: a file nested too deeply for PyYAML, a file name too long.

    Raises:
        RptError: A file is nested too deeply, or the name of a file is too long. The message names the file and, in a
            nested file, the line.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        advice = f"Use names of at most {MOST_BYTES} bytes, also in the defaults of a configuration file."
        raise RptError(f"{shortened(str(error.filename))}: the name of a file is too long. {advice}") from None
    except RecursionError as error:
        reader = _yaml_reader(error.__traceback__)
        if reader is None:
            raise
        advice = "Correct the file: a configuration needs only a few levels."
        raise RptError(f"{reader.name}:{reader.line + 1}: is nested too deeply. {advice}") from None


def _yaml_reader(trace: TracebackType | None) -> Reader | None:
    """Find PyYAML's reader in the frames of an error; None if the error was not raised while YAML was parsed."""
    while trace is not None:
        if isinstance(reader := trace.tb_frame.f_locals.get("self"), Reader):
            return reader
        trace = trace.tb_next
    return None
