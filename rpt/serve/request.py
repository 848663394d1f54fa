"""Check the content of a request for answers: its shape, its runs and the size of its texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rpt.predict.answers import RUN_KEY
from rpt.serve.limits import Limits
from rpt.serve.refusal import Refusal

SHAPE = "Allowed are the keys rows, run and runs"


class PredictRequest(BaseModel):
    """Rows, and the runs that answer each row."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rows: Annotated[
        list[dict[str, Any]],
        Field(min_length=1, description="Rows with the fields of the task. Label and idx may be missing."),
    ]
    run: Annotated[str | None, Field(description="Name of the run that answers the rows.")] = None
    runs: Annotated[
        list[str] | None,
        Field(min_length=1, description="Names of the runs that answer each row. Without run and runs: all runs."),
    ] = None


def read_request(value: Any, known: Sequence[str], limits: Limits) -> tuple[list[dict[str, Any]], list[str]]:
    """Check a request and return its rows and the names of the runs that answer them.

    Args:
        value: Body of the request.
        known: Names of all runs.
        limits: Limits of a request.

    Raises:
        Refusal: The request has another shape or too many rows (422), or names an unknown run (404).
    """
    try:
        request = PredictRequest.model_validate(value)
    except ValidationError as error:
        problems = "; ".join(_problem(problem) for problem in error.errors(include_url=False)[:3])
        raise Refusal(422, f"{problems}. {SHAPE}.") from error
    if len(request.rows) > limits.rows:
        raise Refusal(422, f"rows: holds {len(request.rows):,} rows; allowed are {limits.rows:,}.")
    names = _names(request, known)
    for number, row in enumerate(request.rows, start=1):
        _check_row(f"row {number}", row, limits.characters)
    return request.rows, names


def _problem(problem: Any) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"])
    return f"{place.removeprefix('.') or 'the body'}: {problem['msg']}"


def _names(request: PredictRequest, known: Sequence[str]) -> list[str]:
    if request.run is not None and request.runs is not None:
        raise Refusal(422, f"run and runs exclude each other. {SHAPE}; name one of run and runs.")
    names = [request.run] if request.run is not None else request.runs or list(known)
    if unknown := [name for name in names if name not in known]:
        raise Refusal(404, f"run {unknown[0]!r} is unknown; the runs are {', '.join(known)}.")
    if twice := [name for name in names if names.count(name) > 1]:
        raise Refusal(422, f"runs: {twice[0]!r} is named twice. Name each run once.")
    return names


def _check_row(place: str, row: dict[str, Any], most: int) -> None:
    """Refuse a row that names a run, and a row with a text that is too long."""
    if RUN_KEY in row:
        raise Refusal(422, f"{place}: the field {RUN_KEY!r} is not allowed. Name the runs in the key runs.")
    pending: list[tuple[str, Any]] = list(row.items())
    while pending:
        path, value = pending.pop()
        if isinstance(value, str) and len(value) > most:
            raise Refusal(422, f"{place}: {path} has {len(value):,} characters; allowed are {most:,}.")
        if isinstance(value, dict):
            pending += [(f"{path}.{name}", item) for name, item in value.items()]
        elif isinstance(value, list):
            pending += [(f"{path}[{index}]", item) for index, item in enumerate(value)]
