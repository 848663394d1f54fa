"""Find the class that makes examples of a task's rows."""

from __future__ import annotations

import importlib

from rpt.errors import ConfigError
from rpt.tasks.task import Task


def reader_of(path: str) -> type[Task]:
    """Import the class that makes examples of rows.

    Args:
        path: `package.module.Class`.

    Raises:
        ConfigError: There is no such class, its module cannot be imported, or it is no subclass of `Task`.
    """
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a user's own module raises while it is imported
        advice = f"cannot be imported ({type(error).__name__}: {error}). Set it to MODULE.CLASS."
        raise ConfigError.of("task.reader", path, advice) from error
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ConfigError.of("task.reader", path, "is no subclass of rpt.tasks.task.Task. Set it to one.")
    return found
