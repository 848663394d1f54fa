"""What a command does when the reader of its output leaves, as `head` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

READER_LEFT = 141
"""The exit code that a shell reports for a program which SIGPIPE has ended: 128 + 13."""


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """End without a traceback, with exit code 141, when a write meets a closed pipe.

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
