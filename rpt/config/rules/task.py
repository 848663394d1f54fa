"""Rules about the task's description, and about its backbone, scorer and initialisation."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import Any

from rpt.config.near_miss import near_miss
from rpt.config.rules.access import Values, get
from rpt.config.rules.backbone import family
from rpt.errors import Problem
from rpt.tasks.metrics import OF_LABELS


def task_is_sound(values: Values) -> Iterator[Problem]:
    """Labels and choices must correspond, and a format must name only fields of the task."""
    task = get(values, "task", dict) or {}
    labels = task.get("labels")
    if isinstance(labels, list):
        yield from _distinct("task.labels", labels)
    known = [str(field) for name in ("fields", "derived") for field in get(task, name, list) or []]
    yield from _name_fields("task.same_side", get(task, "same_side", list) or [], known)
    for key, form in _formats(task):
        for part in ("first", "second", "source"):
            if isinstance(template := form.get(part), str) and (misfit := _misfit(template, [*known, "choice"])):
                yield Problem(f"{key}.{part}", template, misfit)
        if isinstance(cut := form.get("cut"), str):
            yield from _name_fields(f"{key}.cut", [cut], known)
        if isinstance(choices := form.get("choices"), list):
            yield from _choices_are_sound(f"{key}.choices", choices, labels, known)


def _name_fields(key: str, names: list[Any], known: list[str]) -> Iterator[Problem]:
    for name in names:
        if name not in known:
            yield Problem(key, name, f"names no field of the task. {near_miss(str(name), known, 'Fields')}")


def _formats(task: Values) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the key and the content of every format of a task."""
    for name, form in (get(task, "formats", dict) or {}).items():
        if isinstance(form, dict):
            yield f"task.formats.{name}", form
    if isinstance(form := get(task, "paper.seq2seq", dict), dict):
        yield "task.paper.seq2seq", form


def _choices_are_sound(key: str, choices: list[Any], labels: Any, known: list[str]) -> Iterator[Problem]:
    if isinstance(labels, list) and len(labels) != len(choices):
        yield Problem(key, choices, f"needs one text for each of the {len(labels)} labels, in their order.")
    yield from _distinct(key, choices)
    for choice in choices:
        if isinstance(choice, str) and (misfit := _misfit(choice, known)):
            yield Problem(key, choice, misfit)


def _distinct(key: str, listed: list[Any]) -> Iterator[Problem]:
    if len(set(map(str, listed))) < len(listed):
        yield Problem(key, listed, "must differ from each other.")


def task_serves_backbone(values: Values) -> Iterator[Problem]:
    """The task must have a format for the backbone's family under the chosen protocol."""
    served, task = family(values), get(values, "task", dict)
    if task is None or served is None:
        return
    name = get(values, "task.name", str)
    if (get(values, "protocol.name", str), served) == ("paper", "seq2seq"):
        if task.get("paper") is None:
            advice = f"needs task.paper, which says how the published code reads a task; task={name} has none."
            yield Problem("protocol", "paper", f"{advice} Set protocol=official.")
        return
    formats = get(values, "task.formats", dict)
    if formats is not None and formats.get(served) is None:
        others = [one for one in ("encoder", "seq2seq", "causal") if formats.get(one) is not None]
        choose = f", or choose a backbone of family {' or '.join(others)}" if others else ""
        advice = f"task={name} does not say how a backbone of family {served} reads a row. Write this format{choose}."
        yield Problem(f"task.formats.{served}", None, advice)


def framing_has_a_scorer(values: Values) -> Iterator[Problem]:
    """A task with free text as answers must not be ranked or measured by metrics of labels."""
    written = writes_freely(values)
    scorer = get(values, "scorer.name", str)
    if written and scorer == "rank":
        under = " under protocol=paper" if get(values, "protocol.name", str) == "paper" else ""
        yield Problem("scorer.name", scorer, f"this task{under} has no choices to rank. Set scorer=generate.")
    if get(values, f"{_format_key(values)}.framing", str) == "written":
        metrics = get(values, "task.metrics", list) or []
        if wrong := [name for name in metrics if name in OF_LABELS]:
            advice = f"{wrong[0]} compares labels, and this task's answers are free text. Set task.metrics=[em,f1]."
            yield Problem("task.metrics", metrics, advice)


def writes_freely(values: Values) -> bool:
    """Check whether the answer is a text of the row instead of a choice, so that it must be generated."""
    framing = get(values, f"{_format_key(values)}.framing", str)
    return framing not in (None, "choice", "referent")


def _format_key(values: Values) -> str:
    """Return the key of the format that the backbone's family reads under the chosen protocol."""
    served = family(values)
    is_published = (get(values, "protocol.name", str), served) == ("paper", "seq2seq")
    return "task.paper.seq2seq" if is_published else f"task.formats.{served}"


def labels_fit_prompt(values: Values) -> Iterator[Problem]:
    """Initialisation from labels needs label texts, and a prompt with a virtual token for each label."""
    form = {"encoder": "encoder", "causal": "causal"}.get(family(values) or "", "seq2seq")
    length, choices = get(values, "prompt.length", int), get(values, f"task.formats.{form}.choices", list)
    choices = get(values, "task.labels", list) if choices is None else choices
    starts_there = str(get(values, "init._target_", str)).endswith(".labels")
    if starts_there and (choices is None or any("{" in str(choice) for choice in choices)):
        if get(values, "task.formats", dict) is not None:
            advice = "this task has no label texts of its own, each row brings its choices. Set init=vocab."
            yield Problem("init", "labels", advice)
        return
    if starts_there and length is not None and choices is not None and 0 < length < len(choices):
        advice = f"init=labels needs a virtual token for each of the {len(choices)} labels. "
        yield Problem("prompt.length", length, advice + f"Set prompt.length={len(choices)} or more, or init=vocab.")


def _misfit(template: str, fields: list[str]) -> str | None:
    """Describe why a template cannot be filled with the texts of the fields; None if it can."""
    try:
        parts = list(Formatter().parse(template))
        used = [name for _, name, _, _ in parts if name is not None]
        if any(spec or conversion for _, _, spec, conversion in parts):
            return "holds a format specification. Write {FIELD} alone."
        unknown = [name for name in used if name not in fields]
        if unknown:
            return f"{{{unknown[0]}}} names no field of the task. {near_miss(unknown[0], fields, 'Fields')}"
        template.format_map(dict.fromkeys(fields, ""))
    except (ValueError, KeyError, IndexError) as error:
        return f"cannot be filled in ({error}). Write {{FIELD}}, and {{{{ or }}}} for a brace."
    return None
