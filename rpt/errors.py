"""Errors that a user can cause and correct (`RptError`), and `ReaderError` for a bug in a user's task class.

A command prints the message of an `RptError` without a traceback and ends with exit code 2. An error whose attribute
`is_bug` is true is an exception: the exit code is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class RptError(Exception):
    """Base class of every error that a user can cause and correct."""


@dataclass(frozen=True)
class Problem:
    """One problem of a configuration.

    Attributes:
        key: Dotted key as on the command line, such as `encoder.bottleneck_dim`.
        value: Value of the key.
        advice: Allowed values and advice, such as `must be at least 1. Set encoder.bottleneck_dim=64.`
    """

    key: str
    value: object
    advice: str

    def __str__(self) -> str:
        return f"{self.key} = {_as_yaml(self.value)}: {self.advice}"


class ConfigError(RptError, ValueError):
    """A configuration is wrong. The message has a line for each problem, sorted by key."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        # Pickling between processes needs the problems as the only argument.
        self.problems = tuple(sorted(problems, key=lambda problem: problem.key))
        super().__init__(self.problems)

    @classmethod
    def of(cls, key: str, value: object, advice: str) -> ConfigError:
        """Build the error of a single problem."""
        return cls([Problem(key, value, advice)])

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class CompositionError(ConfigError):
    """Overrides and option files cannot be composed to a configuration. The message explains the first fault."""

    def __str__(self) -> str:
        return "\n".join(problem.advice for problem in self.problems)


class DataError(RptError):
    """Rows are missing, cannot be read, or do not have the fields and values that the task requires."""


class ReaderError(Exception):
    """A user's task class has raised an error while it read a row. This is a bug, so commands print the traceback."""


class StorageError(RptError):
    """A folder or file cannot be written, read or locked."""


class WeightsError(RptError):
    """Backbone weights are missing, or differ from the weights that are expected."""


class RunFailed(RptError):
    """A run has failed: its training diverged or raised an exception.

    Attributes:
        is_bug: Whether the run's own code has raised an exception; False if the training diverged.
    """

    def __init__(self, message: str, is_bug: bool = False) -> None:
        super().__init__(message, is_bug)
        self.is_bug = is_bug

    def __str__(self) -> str:
        return str(self.args[0])


class CheckpointError(RptError):
    """A checkpoint is damaged or belongs to another run."""


def _as_yaml(value: object) -> str:
    """Format a value as it is written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) or "''"
