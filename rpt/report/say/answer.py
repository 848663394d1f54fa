"""Generate the answer to a study's question, as sentences with the study's numbers.

A claim needs a comparison of the family `answer` (`rpt.report.measure.families`). The interval of the comparison must
exclude 0. Its p-value, after Holm's correction over the whole family, must be below 0.05. Otherwise the answer says
that the data cannot tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rpt.console import several
from rpt.report.measure.along import kept_apart
from rpt.report.measure.comparisons import MAJORITY, Pair
from rpt.report.measure.families import ASKS_HOW_SOON
from rpt.report.measure.numbers import Numbers
from rpt.report.measure.pace import Pace
from rpt.report.measure.robustness import Robustness
from rpt.report.read.frame import ITEM, frame_of, groups
from rpt.report.read.run import Axis
from rpt.report.read.study import Study
from rpt.report.say.ranking import over_tasks, ranking
from rpt.report.say.sentences import (
    CANNOT_TELL,
    EPOCHS,
    SCORES,
    above_majority,
    against_baseline,
    along,
    difference,
    differences,
    failures,
    how_soon,
    spreads,
    tuned_at,
    verdicts,
    worst_cases,
)
from rpt.report.say.words import SAMPLE, at_text
from rpt.stats.estimate import LEAST_SEEDS

FEW_SEEDS = (
    f"With fewer than {LEAST_SEEDS} seeds, the report cannot say what other seeds would score. It therefore states no "
    f"intervals and no verdicts. Train more seeds, such as 'seed=range({LEAST_SEEDS})'."
)
"""Sentence that the answer contains once if the points of an encoder have too few seeds in common."""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the answer.

    Attributes:
        heading: Task and setting that the paragraph describes; empty for the whole study.
        sentences: Sentences of the paragraph, at least one.
    """

    heading: str
    sentences: Sequence[str]

    def __str__(self) -> str:
        text = " ".join(self.sentences)
        return f"{self.heading}: {text}" if self.heading else text


def answer(study: Study, numbers: Numbers) -> list[Paragraph]:
    """Write the answer: a summary over all tasks, then a paragraph for each task and setting of the other axes."""
    leader = study.leader
    of_leader = [pace for pace in numbers.paces if pace.family == "answer"]
    short = [*_few_seeds(numbers), *_in_short(study, leader, numbers, of_leader)]
    paragraphs = [Paragraph("", short)] if short else []
    for rows in _grouped(numbers.robustness):
        first = rows[0]
        pairs = [pair for pair in _claims(numbers) if _is_of(pair, first)]
        if study.other_axes:  # then `_along_axes` writes these pairs
            pairs = [pair for pair in pairs if pair.where != "value"]
        soon = [pace for pace in of_leader if _is_of(pace, first)]
        setting = at_text(study.axes, first.curve.setting)
        heading = f"{first.task}, {setting}" if setting else first.task
        paragraphs.append(Paragraph(heading, [*_sentences(study, leader, rows, pairs, soon)]))
    if study.other_axes:
        paragraphs += _along_axes(study, numbers)
    if study.is_sample:
        paragraphs.append(Paragraph("", [SAMPLE, "The rows were made by this project."]))
    return paragraphs


def overall(leader: str, pairs: Sequence[Pair]) -> str:
    """Write for each other encoder whether the leading encoder scores higher, or in how many comparisons."""
    where = {"sweep": "Averaged over the sweep", "tuned": "Each tuned on the held-out rows"}
    return _overall(leader, pairs, SCORES, where.get(pairs[0].where, "At equal settings"), "Against")


def overall_pace(leader: str, paces: Sequence[Pace]) -> str:
    """Write for each other encoder whether the leading encoder needs fewer epochs, or in how many comparisons."""
    return _overall(leader, paces, EPOCHS, "To reach the same held-out score", "In training speed against")


def _few_seeds(numbers: Numbers) -> Iterator[str]:
    if any(len(row.curve.seeds) < LEAST_SEEDS for row in numbers.robustness):
        yield FEW_SEEDS


def _claims(numbers: Numbers) -> list[Pair]:
    """Return the comparisons of scores on which the answer is based."""
    every = (*numbers.sweep, *numbers.tuned, *numbers.by_value, *numbers.majority)
    return [pair for pair in every if pair.family == "answer"]


def _along_axes(study: Study, numbers: Numbers) -> Iterator[Paragraph]:
    """Yield a paragraph for each task and each axis whose values the study compares."""
    for task in study.tasks:
        for axis in study.axes:
            pairs = [pair for pair in _claims(numbers) if pair.task == task and pair.axis == axis.key]
            for label, alike in _labelled(study, axis, pairs):
                yield Paragraph(f"{task}, along {label}", [*differences(alike, axis.label)])


def _labelled(study: Study, axis: Axis, pairs: Sequence[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    """Yield the comparisons along an axis with a label, for each setting over which no score is averaged.

    The label is that of the axis, followed by the setting in brackets, such as `initialisation (backbone minilm)`.
    """
    labels = [at_text(study.axes, kept_apart(pair.setting)) for pair in pairs]
    for setting in dict.fromkeys(labels):
        alike = [pair for pair, own in zip(pairs, labels, strict=True) if own == setting]
        yield f"{axis.label} ({setting})" if setting else axis.label, alike


def _in_short(study: Study, leader: str, numbers: Numbers, soon: Sequence[Pace]) -> Iterator[str]:
    """Yield the sentences of the summary: comparisons of values, ranking, scores and training speed.

    In a study of training speed, the comparison of training speed precedes the ranking.
    """
    pairs = [pair for pair in _claims(numbers) if pair.first == leader and pair.second in study.methods]
    pairs = [pair for pair in pairs if pair.where != "value"]
    asks_first = study.name.endswith(ASKS_HOW_SOON)
    for axis in study.axes:
        values = [pair for pair in _claims(numbers) if pair.axis == axis.key]
        for label, alike in _labelled(study, axis, values):
            if any(pair.comparison.difference.has_interval for pair in alike):
                yield along(label, alike)
    has_pace = any(pace.comparison.difference.has_interval for pace in soon)
    if has_pace and asks_first:
        yield overall_pace(leader, soon)
    if pairs:
        yield from over_tasks(numbers.robustness, pairs, pairs[0].where)
    if any(pair.comparison.difference.has_interval for pair in pairs):
        yield overall(leader, pairs)
    if has_pace and not asks_first:
        yield overall_pace(leader, soon)


def _sentences(
    study: Study, leader: str, rows: Sequence[Robustness], pairs: Sequence[Pair], soon: Sequence[Pace]
) -> Iterator[str]:
    axis = study.main_axis
    baselines = dict.fromkeys(run.method for run in study.baselines)
    main = "sweep" if axis is not None and any(len(row.curve.points) > 1 for row in rows) else "tuned"
    of_main = [pair for pair in pairs if pair.where == main and pair.second in study.methods]
    yield from ranking(rows, of_main, main)
    yield from map(difference, of_main)
    if axis is not None:
        yield from differences([pair for pair in pairs if pair.where == "value"], axis.label)
    if axis is not None and main == "sweep":
        yield worst_cases(axis, rows)
        yield tuned_at(axis, rows)
    yield from spreads(axis, rows)
    yield failures(rows)
    yield above_majority(rows, [pair for pair in pairs if pair.second == MAJORITY])
    for name in baselines:
        family = [pair for pair in pairs if pair.where == "tuned" and pair.second == name]
        if family:
            yield against_baseline(name, family)
    if soon:
        yield how_soon(leader, soon)


def _overall(
    leader: str, comparisons: Sequence[Pair | Pace], words: Mapping[str, str], of_one: str, of_several: str
) -> str:
    """Write the verdict of each comparison of the leading encoder with another encoder.

    Args:
        leader: Name of the leading encoder.
        comparisons: Comparisons of the leading encoder with the others.
        words: Verb phrase for each verdict.
        of_one: Opening of the sentence if each other encoder has a single comparison.
        of_several: Opening of each sentence if an encoder has several comparisons. The verdicts are then counted.
    """
    families = {
        comparison.second: [other for other in comparisons if other.second == comparison.second]
        for comparison in comparisons
    }
    if all(len(family) == 1 for family in families.values()):
        return f"{of_one}, {verdicts(leader, comparisons, words)}."
    return " ".join(f"{of_several} {other}, {_counted(leader, family, words)}." for other, family in families.items())


def _counted(leader: str, comparisons: Sequence[Pair | Pace], words: Mapping[str, str]) -> str:
    """Write the number of tasks or comparisons with each verdict."""
    counts = Counter[str](comparison.verdict for comparison in comparisons)
    tasks = len({comparison.task for comparison in comparisons})
    of = several(tasks, "task") if tasks == len(comparisons) else f"{len(comparisons)} comparisons"
    says = {**{verdict: f"{leader} {verb}" for verdict, verb in words.items()}, "open": CANNOT_TELL}
    return f"of {of}: {', '.join(f'{text} in {counts[verdict]}' for verdict, text in says.items() if counts[verdict])}"


def _grouped(rows: Sequence[Robustness]) -> list[list[Robustness]]:
    """Group the rows by task and by their values on the axes other than the main axis."""
    frame = frame_of(rows, [{"task": row.task, **row.curve.setting} for row in rows])
    return groups(frame, frame.columns.drop(ITEM))


def _is_of(comparison: Pair | Pace, row: Robustness) -> bool:
    return comparison.task == row.task and all(
        comparison.setting.get(key, value) == value for key, value in row.curve.setting.items()
    )
