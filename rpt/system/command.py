"""Run a command so that user errors, Ctrl-C and a closed pipe on its output print no traceback; name the exit codes."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from rpt.errors import RptError
from rpt.system.interruption import ctrl_c_of

Arguments = ParamSpec("Arguments")


class ExitCode(IntEnum):
    """Exit codes of all commands."""

    DONE = 0
    """The command has done its work."""

    BUG = 1
    """The program, or a component of the user, has a bug."""

    REFUSED = 2
    """The user can mend an error: a wrong option or configuration, or data or files that cannot be used."""

    INTERRUPTED = 130
    """Ctrl-C has ended the command, as a shell reports it: 128 + 2."""

    READER_LEFT = 141
    """SIGPIPE has ended the command, as a shell reports it: 128 + 13."""


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
        sys.exit(ExitCode.READER_LEFT)


def explained(kept: str) -> Callable[[Callable[Arguments, int]], Callable[Arguments, int]]:
    """Decorate a command so that user errors and Ctrl-C print a message and no traceback.

    A user error returns exit code 2, or 1 if the error is a bug in a component of the user. Ctrl-C returns exit code
    130. The command also ends without a traceback when the reader of its output closes the pipe.

    Args:
        kept: Sentence for the message after Ctrl-C. It says which files are kept or unchanged.

    Returns:
        Decorator of the command's function.
    """

    def decorate(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
        @wraps(main)
        def explaining(*args: Arguments.args, **kwargs: Arguments.kwargs) -> int:
            with reader_may_leave():
                try:
                    return main(*args, **kwargs)
                except RptError as error:
                    is_bug = getattr(error, "is_bug", False)
                    if is_bug and error.__cause__ is not None:
                        raise  # Python prints the tracebacks of both errors, and returns exit code 1
                    sys.stderr.write(f"{error}\n")
                    return ExitCode.BUG if is_bug else ExitCode.REFUSED
                except (KeyboardInterrupt, SystemExit) as error:
                    if ctrl_c_of(error) is None:
                        raise
                    sys.stderr.write(f"interrupted: {kept}\n")
                    return ExitCode.INTERRUPTED

        return explaining

    return decorate


def add_backbone(parser: argparse.ArgumentParser) -> None:
    """Add the option `--backbone`, for a command that loads the backbone of finished runs."""
    parser.add_argument(
        "--backbone",
        type=Path,
        metavar="DIR",
        help="folder of the backbone, if it lies elsewhere than at the training; its files must be the same",
    )


def add_config_dirs(parser: argparse.ArgumentParser) -> None:
    """Add the option `--config-dir`, for a command that builds the components of a recorded run again."""
    parser.add_argument(
        "--config-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="folder of your own configuration files, laid out as conf/; may be repeated",
    )
