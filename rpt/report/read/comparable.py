"""Check that the runs of a study can be compared: the same protocol, code, data, task version and weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rpt.report.read.axes import unit_of
from rpt.report.read.run import StudyError
from rpt.tracking.record import Record

SHOWN = 28
"""Number of characters of a code hash that an error message quotes."""


class Rule(NamedTuple):
    """A property that must be equal in runs that are compared.

    Attributes:
        what: Name of the property in an error message.
        value: Function that returns the property of a run, given its record.
        within: Function that returns a run's group, given its record. Runs of the same group must agree.
        shown: Number of characters of the property that an error message quotes; None for all of them.
        axis: Configuration key behind the property. Runs may differ in the property if the key is an axis of the study.
            None for a property that can be no axis.
    """

    what: str
    value: Callable[[Record], Any]
    within: Callable[[Record], str]
    shown: int | None = None
    axis: str | None = None


def _everywhere(record: Record) -> str:
    return "study"


def _task(record: Record) -> str:
    return record.task.name


def _backbone(record: Record) -> str:
    return record.backbone.name


def _protocol(record: Record) -> str:
    return ", ".join(
        f"{key}={getattr(record.protocol, key)}" for key in ("name", "select_on", "held_out_share", "task_prefix")
    )


def _code(key: str) -> Callable[[Record], str]:
    """Return a function that gives a recorded code hash or version."""

    def of(record: Record) -> str:
        return str(record.code.get(key, "not recorded by an older rpt"))

    return of


def _component(group: str) -> Callable[[Record], str]:
    """Return a function that groups runs by their option of a config group, and by whether they use the option.

    A record has the code of an option only if the run uses the option. For example, a zero-shot run uses no optimizer.
    """

    def within(record: Record) -> str:
        return f"{record.chosen.get(group)} {group in record.code}"

    return within


def _prompts(record: Record) -> str:
    """Return the group of a run: runs with a prompt, which must have the same unit, or runs without a prompt."""
    return "prompts" if unit_of(record) else "no prompt"


RULES = (
    Rule("protocol", _protocol, _everywhere),
    Rule("version of rpt's training code", _code("training"), _everywhere, SHOWN),
    *(Rule(f"source of the {group}", _code(group), _component(group), SHOWN) for group in ("encoder", "init", "optim")),
    Rule("source of the scorer", _code("scorer"), lambda record: str(record.config["scorer"]), SHOWN),
    Rule("source of the task's reader", _code("task.reader"), _task, SHOWN),
    Rule("data source", lambda record: record.data.source, _everywhere),
    Rule("task version", lambda record: record.task.version, _task),
    Rule("data version", lambda record: record.data.version, _task),
    Rule("data checksum", lambda record: record.data.checksum, _task),
    Rule("number of reported rows", lambda record: record.data.rows.reported, _task),
    Rule("metrics", lambda record: ", ".join(record.majority), _task),
    Rule("unit of the prompt (prompt.unit)", unit_of, _prompts, axis="prompt.unit"),
    Rule("weights of the backbone", lambda record: record.backbone.weights_sha256, _backbone),
)


def check_comparable(runs: Iterable[tuple[Path, Record]], axes: Collection[str] = ()) -> None:
    """Refuse runs that cannot be compared.

    Args:
        runs: Folder and record of each run.
        axes: Keys of the study's axes, in which runs may differ.

    Raises:
        StudyError: Two runs differ in a property of `RULES`; the message names the property and both folders.
    """
    runs = list(runs)
    for rule in (rule for rule in RULES if rule.axis is None or rule.axis not in axes):
        first: dict[str, tuple[Path, Any]] = {}
        for folder, record in runs:
            value = rule.value(record)
            other, expected = first.setdefault(rule.within(record), (folder, value))
            if value != expected:
                raise StudyError(_message(rule, other, expected, folder, value))


def is_comparable(record: Record, others: Sequence[tuple[Path, Record]], axes: Collection[str] = ()) -> bool:
    """Whether a run agrees with other runs in all properties of `RULES`, and at least one of them has its task."""
    try:
        check_comparable([*others, (Path(), record)], axes)
    except StudyError:
        return False
    return any(_task(record) == _task(other) for _, other in others)


def _message(rule: Rule, folder: Path, value: Any, other: Path, other_value: Any) -> str:
    texts = str(value), str(other_value)
    short = texts[0][: rule.shown], texts[1][: rule.shown]
    value_text, other_text = texts if short[0] == short[1] else short
    both = f" To compare both, train each encoder with both values of {rule.axis}." if rule.axis else ""
    return (
        f"{folder} and {other}: the {rule.what} differs, {value_text} and {other_text}. A report compares only "
        "runs that agree in this. Move the runs of one kind to a folder of their own, or name one study with "
        f"--group.{both}"
    )
