"""What a user can cause: such an error is printed without a traceback, exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec

from rpt.pipes import reader_may_leave

Arguments = ParamSpec("Arguments")


class RptError(Exception):
    """The base of every error that a user can cause and cure."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in a configuration.

    Attributes:
        key: The dotted key as on the command line, `encoder.bottleneck_dim`.
        value: What it was set to.
        advice: What is allowed, and what to do: `must be at least 1. Set ...`.
    """

    key: str
    value: object
    advice: str

    def __str__(self) -> str:
        return f"{self.key} = {_as_yaml(self.value)}: {self.advice}"


class ConfigError(RptError, ValueError):
    """A configuration that cannot run; it names all that is wrong with it, one line per problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        # The problems are the only argument, so that the error survives pickling between processes.
        self.problems = tuple(sorted(problems, key=lambda problem: problem.key))
        super().__init__(self.problems)

    @classmethod
    def of(cls, key: str, value: object, advice: str) -> ConfigError:
        """The error of a single problem."""
        return cls([Problem(key, value, advice)])

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class DataError(RptError):
    """Rows that are missing, unreadable or not what the task's schema says."""


class ReaderError(Exception):
    """An error that a task's reader raised while it read a row: a bug of the reader, whose traceback is kept."""


class StorageError(RptError):
    """A folder or file that cannot be written, read or locked."""


class WeightsError(RptError):
    """Backbone weights that are missing or not the ones that were named."""


class CheckpointError(RptError):
    """A checkpoint that is damaged or belongs to another run."""


def explained(main: Callable[Arguments, int]) -> Callable[Arguments, int]:
    """Let a command end with such an error's own words and the exit code 2, and quietly where its reader leaves."""

    @wraps(main)
    def explaining(*args: Arguments.args, **kwargs: Arguments.kwargs) -> int:
        with reader_may_leave():
            try:
                return main(*args, **kwargs)
            except RptError as error:
                sys.stderr.write(f"{error}\n")
                return 2

    return explaining


def _as_yaml(value: object) -> str:
    """A value as the user would have to write it on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or "''"
