"""Phrases and formats that tables, figures and the answer share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rpt.report.read.run import Axis, Value
from rpt.report.read.study import Study

SAMPLE = "SAMPLE DATA: not a SuperGLUE score."
"""Mark of every table and figure whose data are sample rows."""


def value_text(value: Value) -> str:
    """Format a configuration value as on the command line: `0.01`, `true`, `null`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def at_text(axes: Sequence[Axis], values: Mapping[str, Value]) -> str:
    """Describe the values of a point: `learning rate 0.01, virtual tokens 10`; empty without values."""
    labels = {axis.key: axis.label for axis in axes}
    return ", ".join(f"{labels.get(key, key)} {value_text(value)}" for key, value in values.items())


def caption(study: Study, text: str) -> str:
    """Return the text of a caption. `SAMPLE` is put in front of it if the study's data are sample rows."""
    return f"{SAMPLE} {text}" if study.is_sample else text


def listed(words: Sequence[str], last: str = "and") -> str:
    """Join words to a list such as `a, b and c`; `last` is the word before the last item."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def tasks_text(tasks: Sequence[str]) -> str:
    """Return the name of a single task, or the number of several tasks, such as `over 3 tasks`."""
    return tasks[0] if len(tasks) == 1 else f"over {len(tasks)} tasks"
