"""What a trained prompt means, as far as words say it: the vocabulary's nearest tokens of each virtual token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rpt.report.diagnostics import Diagnosis
from rpt.report.study import Study
from rpt.report.words import at_text

MOST_TOKENS = 20
"""Virtual tokens of a prompt that are shown; `diagnostics.json` has all of them."""

MOST_WORDS = 3
"""Nearest tokens that are shown of each."""

Words = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class NearestTable:
    """The nearest tokens of an encoder's prompts.

    Attributes:
        title: Which point.
        caption: What it shows.
        seeds: A column each.
        rows: For each virtual token, for each seed, the nearest tokens with their cosine.
        length: How many virtual tokens there are in all.
    """

    title: str
    caption: str
    seeds: Sequence[int]
    rows: Sequence[Sequence[Words]]
    length: int


def nearest_tables(study: Study, diagnoses: Sequence[Diagnosis]) -> list[NearestTable]:
    """One for each encoder and task that has diagnostics."""
    return [table for one in diagnoses if (table := _table(study, one)) is not None]


def _table(study: Study, one: Diagnosis) -> NearestTable | None:
    known = [(run.seed, found) for run, found in zip(one.point.runs, one.prompts, strict=True) if found is not None]
    length = max((len(found.nearest) for _, found in known), default=0)
    if not length:
        return None
    rows = [
        [found.nearest[token][:MOST_WORDS] if token < len(found.nearest) else () for _, found in known]
        for token in range(min(length, MOST_TOKENS))
    ]
    at = at_text(study.axes, one.point.values)
    title = ", ".join(filter(None, (one.point.method, *([one.point.task] if len(study.tasks) > 1 else []), at)))
    text = "The nearest tokens of each virtual token, and the cosine of the nearest."
    return NearestTable(title, text, [seed for seed, _ in known], rows, length)
