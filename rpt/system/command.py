"""Run a command so that neither user errors nor a closed pipe on its output print a traceback."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec

from rpt.errors import RptError

Arguments = ParamSpec("Arguments")

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


def explained(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """Decorate a command so that a user error is printed without a traceback and returns exit code 2.

    An error whose attribute `is_bug` is true is raised, so that Python prints its traceback and returns exit code 1.
    The command also ends without a traceback when the reader of its output closes the pipe.
    """

    @wraps(main)
    def explaining(*args: Arguments.args, **kwargs: Arguments.kwargs) -> int:
        with reader_may_leave():
            try:
                return main(*args, **kwargs)
            except RptError as error:
                if getattr(error, "is_bug", False):
                    raise
                sys.stderr.write(f"{error}\n")
                return 2

    return explaining


def add_config_dirs(parser: argparse.ArgumentParser) -> None:
    """Add the option `--config-dir`, for a command that builds the components of a recorded run again."""
    parser.add_argument(
        "--config-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="folder of your own configuration files, laid out as conf/; may be repeated",
    )
