"""Build tables of the vocabulary's tokens that are nearest to each virtual token of a trained prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rpt.report.read.diagnostics import Diagnosis
from rpt.report.read.study import Study
from rpt.report.say.words import at_text

MOST_TOKENS = 20
"""Largest number of virtual tokens that a table shows; a run's `diagnostics.json` lists all of them."""

MOST_WORDS = 3
"""Largest number of nearest tokens that a table shows for each virtual token."""

Words = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class NearestTable:
    """A table of the nearest tokens of an encoder's prompts: a row for each virtual token, a column for each seed.

    Attributes:
        title: Name of the encoder, and point of the study at which the prompts were trained.
        caption: Sentence that explains the cells.
        seeds: Seed of each column.
        rows: Nearest tokens with their cosine, for each virtual token and each seed, nearest first.
        length: Number of virtual tokens of the prompts, of which `rows` holds the first `MOST_TOKENS`.
    """

    title: str
    caption: str
    seeds: Sequence[int]
    rows: Sequence[Sequence[Words]]
    length: int


def nearest_tables(study: Study, diagnoses: Sequence[Diagnosis]) -> list[NearestTable]:
    """Return a table for each encoder and task that has diagnostics of its prompts."""
    return [table for diagnosis in diagnoses if (table := _table(study, diagnosis)) is not None]


def _table(study: Study, diagnosis: Diagnosis) -> NearestTable | None:
    known = [
        (run.seed, prompt)
        for run, prompt in zip(diagnosis.point.runs, diagnosis.prompts, strict=True)
        if prompt is not None
    ]
    length = max((len(prompt.nearest) for _, prompt in known), default=0)
    if not length:
        return None
    rows = [
        [prompt.nearest[token][:MOST_WORDS] if token < len(prompt.nearest) else () for _, prompt in known]
        for token in range(min(length, MOST_TOKENS))
    ]
    setting = at_text(study.axes, diagnosis.point.values)
    title = ", ".join(
        filter(None, (diagnosis.point.method, *([diagnosis.point.task] if len(study.tasks) > 1 else []), setting))
    )
    text = "The nearest tokens of each virtual token, and the cosine of the nearest."
    return NearestTable(title, text, [seed for seed, _ in known], rows, length)
