"""Rules about the task's description, and about its backbone, scorer and initialisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from string import Formatter

from rpt.config.near_miss import near_miss
from rpt.config.rules.candidate import Candidate
from rpt.config.schema import NotValid, PairFormat, TaskConfig, TextFormat
from rpt.errors import Problem


def task_is_sound(candidate: Candidate) -> Iterator[Problem]:
    """Check that labels and choices correspond, and that a format names only fields of the task."""
    task = candidate.config.task
    with suppress(NotValid):
        yield from _distinct("task.labels", task.labels or ())
    fields = [*task.fields, *task.derived]
    yield from _name_fields("task.same_side", task.same_side, fields)
    for key, form in _formats(task):
        with suppress(NotValid):
            yield from _format_is_sound(key, form, task, fields)


def _formats(task: TaskConfig) -> Iterator[tuple[str, PairFormat | TextFormat]]:
    """Yield the key and the content of every format of a task."""
    with suppress(NotValid):
        for name in type(task.formats).model_fields:
            if (form := getattr(task.formats, name)) is not None:
                yield f"task.formats.{name}", form
    if task.paper is not None:
        yield "task.paper.seq2seq", task.paper.seq2seq


def _format_is_sound(
    key: str, form: PairFormat | TextFormat, task: TaskConfig, fields: Sequence[str]
) -> Iterator[Problem]:
    if isinstance(form, PairFormat):
        templates = {"first": form.first, "second": form.second}
    else:
        templates = {"source": form.source}
        if form.cut is not None:
            yield from _name_fields(f"{key}.cut", [form.cut], fields)
    for part, template in templates.items():
        if template is not None and (misfit := _misfit(template, [*fields, "choice"])):
            yield Problem(f"{key}.{part}", template, misfit)
    if form.choices is not None:
        yield from _choices_are_sound(f"{key}.choices", form.choices, task, fields)


def _name_fields(key: str, names: Sequence[str], fields: Sequence[str]) -> Iterator[Problem]:
    for name in names:
        if name not in fields:
            yield Problem(key, name, f"names no field of the task. {near_miss(name, fields, 'Fields')}")


def _choices_are_sound(key: str, choices: Sequence[str], task: TaskConfig, fields: Sequence[str]) -> Iterator[Problem]:
    with suppress(NotValid):
        if task.labels is not None and len(task.labels) != len(choices):
            advice = f"must be {len(task.labels)} texts, one for each label, in the order of task.labels."
            yield Problem(key, list(choices), advice)
    yield from _distinct(key, choices)
    for choice in choices:
        if misfit := _misfit(choice, fields):
            yield Problem(key, choice, misfit)


def _distinct(key: str, values: Sequence[object]) -> Iterator[Problem]:
    if len(set(map(str, values))) < len(values):
        yield Problem(key, list(values), "holds a value twice. Write a different value for each label.")


def task_serves_backbone(candidate: Candidate) -> Iterator[Problem]:
    """Check that the task has a format for the backbone's family under the chosen protocol."""
    family, task = candidate.family, candidate.config.task
    if family is None or candidate.form is not None:
        return
    if candidate.is_published:
        advice = f"needs task.paper, which says how the published code reads a task; task={task.name} has none."
        yield Problem("protocol", "paper", f"{advice} Set protocol=official.")
        return
    families = [name for name in ("encoder", "seq2seq", "causal") if getattr(task.formats, name) is not None]
    choose = f", or choose a backbone of family {' or '.join(families)}" if families else ""
    advice = f"task={task.name} does not say how a backbone of family {family} reads a row. Write this format{choose}."
    yield Problem(f"task.formats.{family}", None, advice)


def framing_has_a_scorer(candidate: Candidate) -> Iterator[Problem]:
    """Check that a task with free text as answers has no scorer that ranks choices and no metric of labels."""
    scorer, metrics = candidate.config.scorer.name, candidate.config.task.metrics
    if candidate.writes_freely and scorer == "rank":
        protocol = " under protocol=paper" if candidate.config.protocol.name == "paper" else ""
        yield Problem("scorer.name", scorer, f"this task{protocol} has no choices to rank. Set scorer=generate.")
    is_text = isinstance(candidate.form, TextFormat) and candidate.form.framing == "written"
    label_metrics = [name for name in metrics if name in ("accuracy", "f1_macro", "f1a")]
    if is_text and label_metrics:
        advice = f"{label_metrics[0]} compares labels, and this task's answers are free text. Set task.metrics=[em,f1]."
        yield Problem("task.metrics", list(metrics), advice)


def labels_fit_prompt(candidate: Candidate) -> Iterator[Problem]:
    """Check that a task with init=labels has label texts, and that the prompt has a virtual token for each label."""
    config = candidate.config
    if not str(config.init.target).endswith(".labels"):
        return
    form = getattr(config.task.formats, candidate.family or "seq2seq")
    texts = config.task.labels if form is None or form.choices is None else form.choices
    if texts is None or any("{" in str(text) for text in texts):
        advice = "this task has no label texts, because each row has its own choices. Set init=vocab."
        yield Problem("init", "labels", advice)
    elif config.prompt.length < len(texts):
        advice = f"init=labels needs a virtual token for each of the {len(texts)} labels. "
        advice += f"Set prompt.length={len(texts)} or more, or init=vocab."
        yield Problem("prompt.length", config.prompt.length, advice)


def _misfit(template: str, fields: Sequence[str]) -> str | None:
    """Describe why a template cannot be filled with the texts of the fields; None if the template is right."""
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
