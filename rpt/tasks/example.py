"""One row of a task as every backbone and scorer sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to predict.

    Attributes:
        idx: The row's own number in the official release; predictions carry it.
        fields: The row's texts by name, before any template.
        choices: The texts to choose from, in label order; the row's own candidates where a task has them.
        target: Index of the right choice; None where the release gives no label.
    """

    idx: int
    fields: Mapping[str, str]
    choices: tuple[str, ...]
    target: int | None
