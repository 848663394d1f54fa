"""Choose the headline of a report's page: the answer in one sentence, and its main number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rpt.report.measure.along import kept_apart
from rpt.report.measure.comparisons import Pair
from rpt.report.measure.numbers import Numbers
from rpt.report.measure.robustness import Robustness
from rpt.report.read.run import POINTS
from rpt.report.read.study import Study
from rpt.report.say.answer import FEW_SEEDS, Paragraph
from rpt.report.say.more_seeds import more_seeds
from rpt.report.say.sentences import brackets
from rpt.report.say.words import SAMPLE, at_text, value_text
from rpt.stats.estimate import Estimate

NO_NUMBER = "These runs give no number for the whole study."
"""Headline of a study in which no seed has a run at every point of an encoder."""


@dataclass(frozen=True)
class Headline:
    """The sentence and the number at the top of the page.

    Attributes:
        sentence: First sentence of the answer that is not the warning of too few seeds.
        value: Main number of the study, in points, as text.
        interval: 95 % interval of the number in brackets; empty if the number has no interval.
        label: Unit and description of the number.
        changes: Sentences on how many seeds would show a difference, from `rpt.report.say.more_seeds`; empty for a
            study that compares nothing.
    """

    sentence: str
    value: str
    interval: str
    label: str
    changes: Sequence[str] = ()


def headline(study: Study, numbers: Numbers, answer: Sequence[Paragraph]) -> Headline:
    """Choose the sentence and the number that answer a study's question.

    Args:
        study: Study of the report.
        numbers: Scores and comparisons of the study, from `rpt.report.measure.numbers.measure`.
        answer: Paragraphs of the answer, from `rpt.report.say.answer.answer`.
    """
    sentence = next((text for part in answer for text in part.sentences if text != FEW_SEEDS), "")
    pair = headline_pair(study, numbers)
    if pair is None and not numbers.robustness:
        return Headline(sentence or NO_NUMBER, "-", "", "no seed has a run at every point of an encoder")
    if pair is None:
        row = numbers.robustness[0]
        return _headline(sentence, row.tuned, f"points, {_place(study, row)}", sign="")
    first = _headline(sentence, pair.comparison.difference, f"points, {_label(study, pair)}", sign="+")
    return replace(first, changes=[*more_seeds(pair, _label(study, pair))])


def headline_pair(study: Study, numbers: Numbers) -> Pair | None:
    """Return the comparison whose difference is the headline's number; None for a study that compares nothing."""
    pairs = [pair for pair in (*numbers.by_value, *numbers.sweep, *numbers.tuned) if pair.family == "answer"]
    pairs = [pair for pair in pairs if pair.second in study.methods or pair.where == "value"]
    if not pairs or pairs[0].where == "value":
        return next(iter(pairs), None)
    return next((pair for pair in pairs if pair.second == study.reference), pairs[0])


def without_headline(answer: Sequence[Paragraph], sentence: str) -> list[Paragraph]:
    """Return the answer without the headline's sentence and without the paragraph on sample data."""
    first = next((part for part in answer if sentence in part.sentences), None)
    shortened = [
        replace(part, sentences=[text for text in part.sentences if part is not first or text != sentence])
        for part in answer
        if SAMPLE not in part.sentences
    ]
    return [part for part in shortened if part.sentences]


def _headline(sentence: str, estimate: Estimate, label: str, sign: str) -> Headline:
    return Headline(sentence, f"{POINTS * estimate.value:{sign}z.1f}", brackets(estimate, POINTS, 1), label)


def _label(study: Study, pair: Pair) -> str:
    task = f"{pair.task}, " if len(study.tasks) > 1 else ""
    if pair.where == "value":
        label = next(axis.label for axis in study.axes if axis.key == pair.axis)
        setting = at_text(study.axes, kept_apart(pair.setting))
        values = f"{label} {value_text(pair.first_value)} minus {value_text(pair.second_value)}"
        return f"{task}{pair.first} with {values}{f' ({setting})' if setting else ''}"
    over = "averaged over the sweep" if pair.where == "sweep" else "each tuned on the held-out rows"
    return f"{task}{pair.first} minus {pair.second}, {over}"


def _place(study: Study, row: Robustness) -> str:
    task = f" on {row.task}" if len(study.tasks) > 1 else ""
    return f"{row.method}{task}, tuned on the held-out rows"
