"""A task must be sound in itself, and with the scorer that answers it."""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import Any

from rpt.errors import Problem
from rpt.near_miss import near_miss
from rpt.rules.access import Values, get
from rpt.rules.backbone import family


def task_is_sound(values: Values) -> Iterator[Problem]:
    """Labels and choices pair up; a format names only fields that the task has."""
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
    """Every format of a task with its key."""
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


def framing_has_a_scorer(values: Values) -> Iterator[Problem]:
    """Where the published code lets T5 write free text, there is nothing to rank."""
    if (get(values, "protocol.name", str), family(values)) != ("paper", "seq2seq"):
        return
    framing, scorer = get(values, "task.paper.seq2seq.framing", str), get(values, "scorer.name", str)
    if framing not in (None, "choice") and scorer == "rank":
        yield Problem(
            "scorer.name", scorer, "this task under protocol=paper has no choices to rank. Set scorer=generate."
        )


def labels_fit_prompt(values: Values) -> Iterator[Problem]:
    """A prompt that starts from the labels has room for one row of each."""
    form = {"encoder": "encoder", "causal": "causal"}.get(family(values) or "", "seq2seq")
    length, choices = get(values, "prompt.length", int), get(values, f"task.formats.{form}.choices", list)
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
    """Why a template cannot be filled with the fields' texts, or None where it can."""
    try:
        used = [name for _, name, _, _ in Formatter().parse(template) if name is not None]
        unknown = [name for name in used if name not in fields]
        if unknown:
            return f"{{{unknown[0]}}} names no field of the task. {near_miss(unknown[0], fields, 'Fields')}"
        template.format_map(dict.fromkeys(fields, ""))
    except (ValueError, KeyError, IndexError) as error:
        return f"cannot be filled in ({error}). Write {{FIELD}}, and {{{{ or }}}} for a brace."
    return None
