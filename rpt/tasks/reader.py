"""Import the class that reads a task's rows."""

from __future__ import annotations

import importlib

from rpt.errors import ConfigError
from rpt.tasks.task import Task


def reader_of(path: str) -> type[Task]:
    """Import the class that turns a task's rows into examples.

    Args:
        path: Import path of the class, `package.module.Class`.

    Raises:
        ConfigError: The class does not exist, its module cannot be imported, or it is not a subclass of `Task`.
    """
    module, _, name = path.rpartition(".")
    try:
        reader = getattr(importlib.import_module(module), name)
    except Exception as error:  # a user's module may raise any error while it is imported
        advice = f"cannot be imported ({type(error).__name__}: {error}). Set it to MODULE.CLASS."
        raise ConfigError.of("task.reader", path, advice) from error
    if not (isinstance(reader, type) and issubclass(reader, Task)):
        raise ConfigError.of("task.reader", path, "is no subclass of rpt.tasks.task.Task. Set it to one.")
    return reader
