"""Facts of the runs that a server offers, for `GET /runs` and the web page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from rpt.data.sources import sample_source, sample_versions
from rpt.predict.predictor import Group, Predictor
from rpt.trained import TrainedRun


class RunFacts(BaseModel):
    """A run that answers rows.

    Attributes:
        name: Name of the run.
        task: Name of the task.
        encoder: Option of the prompt's encoder.
        score: Score of the run on its reported rows.
        fields: Names of the texts that a row must have.
        row: Description of all fields of a row.
        has_text_fields_only: Whether `fields` are all fields of a row, apart from `idx` and the right answer.
        labels: Labels as the release writes them, in label order. Null if each row has its own choices.
        choices: Texts of the choices, in label order. A name in braces is a field of the row. Null if each row has its
            own choices, or if the answer is free text.
        example: Row of the packaged sample rows. Null for a task without sample rows.
    """

    name: str
    task: str
    encoder: str
    score: float | None
    fields: list[str]
    row: str
    has_text_fields_only: bool
    labels: list[str | int | bool] | None
    choices: list[str] | None
    example: dict[str, Any] | None


class ServerFacts(BaseModel):
    """Runs of a server, over one backbone.

    Attributes:
        backbone: Name of the backbone.
        runs: Runs that answer rows.
    """

    backbone: str
    runs: list[RunFacts]


def server_facts(predictor: Predictor) -> ServerFacts:
    """Collect the facts of the runs of a predictor, in the order in which the runs were named."""
    groups = {name: group for group in predictor.groups for name in group.names}
    runs = [_run_facts(run, groups[run.record.name]) for run in predictor.runs]
    return ServerFacts(backbone=predictor.runs[0].record.backbone.name, runs=runs)


def _run_facts(run: TrainedRun, group: Group) -> RunFacts:
    task = group.task
    fields = list(task.fields)
    return RunFacts(
        name=run.record.name,
        task=task.name,
        encoder=run.record.chosen.get("encoder", "own"),
        score=run.record.scores.get("score"),
        fields=fields,
        row=task.schema,
        has_text_fields_only=task.has_text_fields_only,
        labels=None if task.labels is None else list(task.labels),
        choices=None if task.choices is None else list(task.choices),
        example=example_row(run.config.task.folder, fields, task.answer_field),
    )


def example_row(folder: str, fields: list[str], answer_field: str) -> dict[str, Any] | None:
    """Return the first packaged validation row of a task, without `idx` and the right answer.

    Args:
        folder: Folder of the task in the release.
        fields: Names of the texts that a row must have.
        answer_field: Field that holds the right answer.

    Returns:
        Row with all `fields`; None for a task without sample rows, or if the sample row lacks a field.

    Examples:
        >>> sorted(example_row("CB", ["premise", "hypothesis"], "label"))
        ['hypothesis', 'premise']
    """
    if folder not in sample_versions():
        return None
    _, values = next(iter(sample_source(folder, max_rows=1).splits["val"]))
    row: Mapping[str, Any] = values
    if any(field not in row for field in fields):
        return None
    return {name: value for name, value in row.items() if name not in ("idx", answer_field)}
