"""Turn input rows into output lines, window by window, so that memory does not grow with the number of rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rpt.console import several
from rpt.data.encode import Encoded
from rpt.errors import ConfigError, DataError, ReaderError
from rpt.predict.ensemble import Combine, log_probabilities
from rpt.predict.lines import InputRow
from rpt.predict.placeholders import filled
from rpt.predict.predictor import Group, Predictor
from rpt.scoring.predictions import Predictions, prediction_lines
from rpt.tasks.example import Answer, Example
from rpt.tasks.task import Task

WINDOW = 2048
"""Smallest number of answers in a window, which are computed together. Only the last window may have fewer.

The rows of a window are sorted by length. In a smaller window, the lengths in a forward pass would differ more.
"""

RUN_KEY = "run"
"""Field of an input row that names the run that answers the row."""

OF_THE_LABEL = ("target", "target_choice", "right")
"""Keys of an output line that exist only for rows with a right answer."""


@dataclass(frozen=True)
class AnswerLine:
    """Answer of a run, or of an ensemble, to an example.

    Attributes:
        run: Name of the run or of the ensemble.
        values: Output line: the keys of `predictions.jsonl`, and `run`, `label` and `log_probabilities`.
        example: Example with its right answer; None for a row without labels.
        answer: Answer to the example.
    """

    run: str
    values: dict[str, Any]
    example: Example | None
    answer: Answer


@dataclass(frozen=True)
class Asked:
    """An input row, and the runs of one group that answer it.

    Attributes:
        row: Input row.
        group: Index of the group in `Predictor.groups`.
        runs: Indices in the group of the runs that answer the row.
        examples: Examples that the task makes of the row. A missing right answer is a placeholder.
        is_labelled: Whether the row has all its right answers, so that no example has a placeholder.
        is_alone: Whether the row names the run that answers it, so that its answers are never combined.
    """

    row: InputRow
    group: int
    runs: Sequence[int]
    examples: Sequence[Example]
    is_labelled: bool
    is_alone: bool = False

    @property
    def size(self) -> int:
        """Number of answers to compute."""
        return len(self.examples) * len(self.runs)


def window_size(predictor: Predictor) -> int:
    """Return the number of answers that are computed before the first of them is written.

    One window is large enough for the largest validation set of every group together. A run therefore answers its
    validation set in the same forward passes as in its own evaluation.
    """
    return max(WINDOW, sum(group.num_reported for group in predictor.groups))


def refuse(fault: DataError) -> None:
    """Raise the fault of a broken row, which ends the prediction."""
    raise fault


def answer_lines(
    predictor: Predictor,
    rows: Iterable[InputRow],
    on_fault: Callable[[DataError], None] = refuse,
    combine: Combine | None = None,
) -> Iterator[AnswerLine]:
    """Yield the answers to the rows of an input, in the order of the rows.

    A row with the field `run` is answered by the run of that name alone. Any other row is answered by all runs.

    Args:
        predictor: The runs that answer, with their loaded backbone.
        rows: Rows of the input.
        on_fault: Function that is called for each broken row; the default raises the fault.
        combine: Function that combines the answers of all runs to an example; None gives an answer for each run. The
            answer to a row that names its run is not combined.

    Yields:
        Answers in the order of the rows. Answers to a row are sorted by group, then by example, then by run.

    Raises:
        DataError: A row is broken, and `on_fault` raises the fault.
        ConfigError: `combine` is given, and the runs differ in task, protocol, backbone, scorer or
            `trainer.eval_token_budget`.
    """
    if combine is not None and len(predictor.groups) > 1:
        names = ", ".join(group.names[0] for group in predictor.groups)
        raise ConfigError.of(
            "ensemble", names, "have different tasks or input formats. Combine runs that differ in the seed."
        )
    window: list[Asked] = []
    size, full_size = 0, window_size(predictor)
    for row in rows:
        try:
            read = _asked(predictor, row)
        except DataError as fault:
            on_fault(fault)
            continue
        window += read
        size += sum(asked.size for asked in read)
        if size >= full_size:
            yield from _lines(answer_window(predictor, window, on_fault, combine))
            window, size = [], 0
    yield from _lines(answer_window(predictor, window, on_fault, combine))


def _lines(answers: Iterable[tuple[int, AnswerLine]]) -> Iterator[AnswerLine]:
    return (line for _, line in answers)


def _asked(predictor: Predictor, row: InputRow) -> list[Asked]:
    """Read an input row for each group of runs that answers it: all groups, or the group of the run that the row names.

    Raises:
        DataError: The row is broken, does not fit a task, or names an unknown run.
    """
    if row.fault is not None:
        raise row.fault
    values = {"idx": row.number, **row.values}
    known = [name for group in predictor.groups for name in group.names]
    name = values.pop(RUN_KEY, None)
    if name is not None and name not in known:
        raise DataError(f"{row.place}: {RUN_KEY} {name!r} is unknown; the runs are {', '.join(known)}.")
    read = read_row(predictor, replace(row, values=values), known if name is None else [name])
    return read if name is None else [replace(asked, is_alone=True) for asked in read]


def read_row(predictor: Predictor, row: InputRow, names: Collection[str]) -> list[Asked]:
    """Read a row with the task of each group of runs that answers it.

    Args:
        predictor: The runs that answer, with their loaded backbone.
        row: Row with the fields of the task and `idx`.
        names: Names of the runs that answer the row. The predictor has all of them.

    Raises:
        DataError: The row does not fit a task.
    """
    chosen = [[run for run, name in enumerate(group.names) if name in names] for group in predictor.groups]
    return [_read(predictor, row, group, runs) for group, runs in enumerate(chosen) if runs]


def _read(predictor: Predictor, row: InputRow, group: int, runs: Sequence[int]) -> Asked:
    examples, is_labelled = read_examples(predictor.groups[group].task, row)
    return Asked(row, group, runs, examples, is_labelled)


def read_examples(task: Task, row: InputRow) -> tuple[list[Example], bool]:
    """Read the examples of a row, which may lack right answers.

    Args:
        task: Task that reads the row.
        row: Row with the fields of the task and `idx`.

    Returns:
        Examples, in which a missing right answer is a placeholder, and whether the row has all its right answers.

    Raises:
        DataError: The row does not fit the task.
    """
    try:
        made, is_labelled = filled(task, row.values, row.place)
        return list(task.examples([(row.place, made)])), is_labelled
    except ReaderError as error:
        raise DataError(str(error)) from error


def answer_window(
    predictor: Predictor,
    window: Iterable[Asked],
    on_fault: Callable[[DataError], None] = refuse,
    combine: Combine | None = None,
) -> Iterator[tuple[int, AnswerLine]]:
    """Answer rows together. Rows of several runs of a group share forward passes.

    Args:
        predictor: The runs that answer, with their loaded backbone.
        window: Rows to answer. Different rows have different numbers.
        on_fault: Function that is called for each row that cannot be tokenised; the default raises the fault.
        combine: Function that combines the answers of all runs to an example; None gives an answer for each run.

    Yields:
        Pairs of a row's number and an answer to the row, sorted by number, then by group, example and run.
    """
    by_group: dict[int, list[Asked]] = {}
    for asked in window:
        by_group.setdefault(asked.group, []).append(asked)
    by_row: dict[int, list[AnswerLine]] = {}
    for index, members in sorted(by_group.items()):
        for number, line in _of_group(predictor.groups[index], members, on_fault, combine):
            by_row.setdefault(number, []).append(line)
    for number in sorted(by_row):
        yield from ((number, line) for line in by_row[number])


def _of_group(
    group: Group, asked: Sequence[Asked], on_fault: Callable[[DataError], None], combine: Combine | None
) -> Iterator[tuple[int, AnswerLine]]:
    """Yield the answers of a group's runs, each with the number of the input row."""
    kept, encoded = _encoded(group, asked, on_fault)
    if not kept:
        return
    numbers = iter(range(len(encoded)))
    slots = [(item, number, run) for item in kept for _, number in zip(item.examples, numbers) for run in item.runs]  # noqa: B905
    predictions = group.predict(encoded, [(run, number) for _, number, run in slots])
    alone = [position for position, (item, _, _) in enumerate(slots) if combine is None or item.is_alone]
    owners = [(item, group.names[run]) for item, _, run in (slots[position] for position in alone)]
    yield from _answer_lines(group, owners, predictions.at(alone))
    if combine is not None:
        shared = [position for position, (item, _, _) in enumerate(slots) if not item.is_alone]
        combined, firsts = combine(predictions.at(shared), [slots[position][1] for position in shared])
        ensemble = f"ensemble of {several(len(group.names), 'run')}"
        yield from _answer_lines(group, [(slots[shared[first]][0], ensemble) for first in firsts], combined)


def _answer_lines(
    group: Group, owners: Sequence[tuple[Asked, str]], predictions: Predictions
) -> Iterator[tuple[int, AnswerLine]]:
    """Yield each answer with the number of its input row.

    Args:
        group: Group whose task gives the labels.
        owners: For each answer, the input row and the name of the run or ensemble.
        predictions: Answers.
    """
    for (item, name), values, example, answer in zip(
        owners, _values(group, predictions), predictions.examples, predictions.answers, strict=True
    ):
        if not item.is_labelled:
            values = {key: value for key, value in values.items() if key not in OF_THE_LABEL}
        line = AnswerLine(name, {"run": name, **values}, example if item.is_labelled else None, answer)
        yield item.row.number, line


def _encoded(
    group: Group, asked: Sequence[Asked], on_fault: Callable[[DataError], None]
) -> tuple[Sequence[Asked], Encoded]:
    """Tokenise the rows. If that fails, find the rows that cannot be tokenised and leave them out."""
    try:
        return asked, group.encode([example for item in asked for example in item.examples])
    except DataError:
        kept = []
        for item in asked:
            try:
                group.encode(item.examples)
                kept.append(item)
            except DataError as error:
                on_fault(DataError(f"{item.row.place}: {error}"))
    return kept, group.encode([example for item in kept for example in item.examples])


def _values(group: Group, predictions: Predictions) -> Iterator[dict[str, Any]]:
    """Yield the output line of each answer: the keys of `predictions.jsonl`, label and log-probabilities."""
    labels = group.task.labels
    lines = prediction_lines(predictions)
    for line, example, scores in zip(lines, predictions.examples, predictions.scores, strict=True):
        choice = line["choice"]
        line["label"] = line["predicted"] if labels is None or choice is None else labels[choice]
        if scores:
            line["log_probabilities"] = dict(zip(example.choices, log_probabilities(scores), strict=True))
        yield line
