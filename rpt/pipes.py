"""End a command quietly when the reader of its output closes the pipe, as `head` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

READER_LEFT = 141
"""Exit code of a program that SIGPIPE has ended, as a shell reports it: 128 + 13."""


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """End the process with exit code 141 and without a traceback when the block writes to a closed pipe.

    Raises:
        SystemExit: The reader has closed stdout or stderr.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())  # Python flushes both at its end, which would print a message
        sys.exit(READER_LEFT)
