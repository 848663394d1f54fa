"""Fill in an answer in rows without labels, such as those of a test split, because a task reads labelled rows only."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from rpt.tasks.multirc import MultiRc
from rpt.tasks.record_task import Record
from rpt.tasks.task import Task
from rpt.tasks.written import Written


def filled(task: Task, row: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Fill in each missing right answer of a row with an arbitrary answer.

    The losses and metrics of a filled row are meaningless. The scores of its choices are valid. The filled answer can
    change these scores by rounding only: the length of the answer may change the width to which a text is padded.

    Args:
        task: Task that reads the row.
        row: Row of the release, or of a user's task. A row of a wrong form is returned unchanged, so that the task
            reports the fault.

    Returns:
        Copy of the row, which may share unchanged parts with it, and whether the row had all right answers already.
    """
    # Only these tasks have right answers inside nested objects. A deep copy would take longer than reading the row.
    made = copy.deepcopy(dict(row)) if isinstance(task, (Record, MultiRc)) else dict(row)
    gaps = [(part, name, answer) for part, name, answer in _places(task, made) if name not in part]
    for part, name, answer in gaps:
        part[name] = answer
    return made, not gaps


def _places(task: Task, row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yield each object that holds a right answer, the name of its field, and an arbitrary answer."""
    # The last label, because a framing of WSC skips rows with the first label.
    label = (task.labels or [0])[-1]
    if isinstance(task, Written):
        yield row, "answer", "unknown"
    elif isinstance(task, Record):
        entity = [{"text": _first_entity(row.get("passage"))}]
        yield from ((query, "answers", entity) for query in _objects(row, "qas"))
    elif isinstance(task, MultiRc):
        questions = _objects(row.get("passage"), "questions")
        yield from ((answer, "label", label) for question in questions for answer in _objects(question, "answers"))
    else:
        yield row, "label", label


def _objects(part: Any, name: str) -> list[dict[str, Any]]:
    """Return the JSON objects of the list in a field; an empty list for a part of a wrong form."""
    items = part.get(name) if isinstance(part, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _first_entity(passage: Any) -> str:
    """Return the text of an article's first entity; an empty text for an article of a wrong form."""
    entities = _objects(passage, "entities")
    try:
        return str(passage["text"][entities[0]["start"] : entities[0]["end"] + 1])
    except (LookupError, TypeError):
        return ""
