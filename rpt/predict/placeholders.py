"""Fill in an answer in rows without labels, such as those of a test split, because a task reads labelled rows only."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from rpt.tasks.task import Task


def filled(task: Task, row: Mapping[str, Any], place: str) -> tuple[dict[str, Any], bool]:
    """Fill in each missing right answer of a row with an arbitrary answer.

    The losses and metrics of a filled row are meaningless. The scores of its choices are valid. The filled answer can
    change these scores by rounding only: the length of the answer may change the width to which a text is padded.

    Args:
        task: Task that reads the row.
        row: Row of the release, or of a user's task. A row of a wrong form is returned unchanged, so that the task
            reports the fault.
        place: Position of the row, for messages.

    Returns:
        Copy of the row, which may share unchanged parts with it, and whether the row had all right answers already.

    Raises:
        ReaderError: The task's own code has raised an error.
    """
    made = dict(row)
    with task.own_code(place):
        unanswered = [part for part, _ in task.answer_places(made) if task.answer_field not in part]
        if any(part is not made for part in unanswered):  # nested objects, which the copy shares with `row`
            made = copy.deepcopy(made)
        if unanswered:
            for part, answer in task.answer_places(made):
                part.setdefault(task.answer_field, answer)
    return made, not unanswered
