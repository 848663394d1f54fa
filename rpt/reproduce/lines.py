"""Compare scores of rpt with numbers of the paper: difference, interval, and a verdict.

There is a verdict only if both numbers were measured in the same way.

The paper prints means of three runs on the same rows that rpt evaluates, without their standard deviation. The interval
is for the difference of two means over seeds. The standard deviation `sd` of n runs of rpt is used for both means. Half
the width of the interval is

    t * sd * sqrt(1/n + 1/3)

plus the precision of the paper's number: half a unit of the last printed digit, or 0.3 points for a number that was
read off a figure.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rpt.config.protocol import NO_RECIPE, is_published
from rpt.console import several
from rpt.data.release import origin
from rpt.errors import ConfigError
from rpt.reproduce.expected import Expected, UnreadableRun, expected_of
from rpt.reproduce.points import Point
from rpt.reproduce.setting import differences, published
from rpt.stats.estimate import LEVEL, Estimate
from rpt.tracking.identity import code
from rpt.tracking.other_code import code_differences

PAPER_RUNS = 3
"""Number of runs over which the paper averages to get each number."""

FEWEST_SEEDS = 3
"""Smallest number of seeds for a verdict."""

EXACT_TO = {"printed": 0.05, "recomputed": 0.05, "digitised": 0.3}
"""Largest distance of a published number from the authors' measurement, in points, by the number's kind."""

AVERAGE = "average"

OFFICIAL = {
    "boolq": (9427, 3270),
    "cb": (250, 56),
    "copa": (400, 100),
    "multirc": (27243, 4848),
    "record": (100730, 10000),
    "rte": (2490, 277),
    "wic": (5428, 638),
    "wsc": (259, 38),
}
"""Numbers of training and validation examples that the published code makes from the official release, by task."""


@dataclass(frozen=True)
class Line:
    """A comparison of a number of the paper with the score of rpt's runs.

    Attributes:
        experiment: Name of the experiment whose setting is compared.
        task: Name of the task, or `average` for the mean of all eight tasks.
        row: Row of the paper's table that holds the number.
        expected: Number in the paper, in points (0 to 100).
        mean: Mean score of rpt's runs over seeds, in points. None if the runs do not have the row's metric, or if an
            average lacks a task.
        sd: Standard deviation of the runs' scores over seeds, in points. None with a single run, without a mean, and
            for averages.
        seeds: Number of seeds of rpt's runs; for an average, the smallest number of seeds of any task.
        diverged: Number of rpt's runs that diverged. Such a run counts with the score of the most frequent answer.
        difference: Score of rpt minus the number in the paper, in points; None if `mean` is None.
        reasons: Reasons why there is no verdict; empty if there is a verdict.
    """

    experiment: str
    task: str
    row: Expected
    expected: float
    mean: float | None
    sd: float | None
    seeds: int
    diverged: int
    difference: Estimate | None
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Verdict on the score of rpt against the paper: `agrees`, `above`, `below`, or `no verdict: ` with reasons."""
        if self.reasons or self.difference is None:
            return f"no verdict: {'; '.join(self.reasons)}"
        if self.difference.low > 0:
            return "above"
        return "below" if self.difference.high < 0 else "agrees"


def compare(points: Sequence[Point]) -> list[Line]:
    """Compare each point with the paper's numbers for its experiment and task.

    The comparisons are ordered by experiment and task. The averages over an experiment's tasks follow these tasks.
    """
    by_experiment: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        by_experiment[point.experiment].append(point)
    lines: list[Line] = []
    for experiment in sorted(by_experiment):
        alone = [line for point in by_experiment[experiment] for line in _lines_of(point)]
        order = [*OFFICIAL, AVERAGE]
        lines += sorted(alone, key=lambda line: order.index(line.task) if line.task in order else len(order))
        lines += _averages(by_experiment[experiment])
    return lines


def _lines_of(point: Point) -> Iterator[Line]:
    """Yield a comparison for each row of the paper that has the point's setting.

    If no row has this setting, yield one comparison without a verdict: with the row of the experiment's own setting if
    the paper has such a row, otherwise with the row whose setting differs least.
    """
    rows = [row for row in expected_of(point.experiment) if point.config.task.name in row.points]
    differing = {row.at: _differences(point, row.at) for row in rows}
    exact = [row for row in rows if not differing[row.at]]
    nearest = sorted(rows, key=lambda row: (row.at is not None, len(differing[row.at])))[:1]
    for row in exact or nearest:
        yield _line(point, row, differing[row.at])


def _differences(point: Point, override: str | None) -> list[str]:
    try:
        return differences(point.config, override)
    except UnreadableRun as error:
        return [str(error)]


def _line(point: Point, row: Expected, differing: Sequence[str]) -> Line:
    task = point.config.task.name
    expected, scores = row.points[task], point.scores(row.metric)
    reasons = [*differing, *_obstacles(point, row)]
    if not scores:
        reasons.append(f"the runs have no {row.metric} under this protocol")
        return Line(
            point.experiment, task, row, expected, None, None, point.seeds, point.diverged, None, tuple(reasons)
        )
    mean, margin = float(np.mean(scores)), _margin(scores)
    sd = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
    difference = _difference(mean, expected, margin, EXACT_TO[row.kind], point.seeds)
    return Line(
        point.experiment, task, row, expected, mean, sd, point.seeds, point.diverged, difference, tuple(reasons)
    )


def _obstacles(point: Point, row: Expected) -> Iterator[str]:
    """Yield the reasons that rule out a verdict, except differences between the configurations."""
    yield from _obstacles_of_rows(point)
    yield from _obstacles_of_code(point)
    if NO_RECIPE in point.records[0].protocol.habits:
        yield f"the published code has no format of the tasks for {point.config.backbone.name}"
    yield from _obstacles_of_weights(point, row)
    if row.copied:
        yield f"the paper copied this number from {row.copied} and did not measure it"
    if row.caveat:
        yield row.caveat
    if point.seeds < FEWEST_SEEDS:
        yield f"{several(point.seeds, 'seed')}, but {FEWEST_SEEDS} are needed"


def _obstacles_of_rows(point: Point) -> Iterator[str]:
    data, config = point.records[0].data, point.config
    if data.source == "sample":
        yield "sample rows made by this project, not SuperGLUE"
    elif "release" in data.model_fields_set and data.release is None:
        rows_from = origin(config.task.name, data.source, data.release, data.folder)
        yield f"rows that are not the official release's: {rows_from}"
    elif is_published(config) and config.task.name in OFFICIAL:
        train, validation = OFFICIAL[config.task.name]
        if data.rows.reported != validation:
            yield f"{data.rows.reported:,} examples were scored, but the official release has {validation:,}"
        if config.data.k_per_class is None and data.rows.train != train:
            yield f"{data.rows.train:,} examples were used for training, but the official release has {train:,}"


def _obstacles_of_code(point: Point) -> Iterator[str]:
    """Yield differences between the code that the record names and the code of this installation."""
    recorded = point.records[0].code
    if not recorded:
        return  # records of schema 2 do not name the code
    try:
        yield from code_differences(recorded, code(point.config))
    except ConfigError as error:
        yield str(error)


def _obstacles_of_weights(point: Point, row: Expected) -> Iterator[str]:
    try:
        hub_id = published(point.config, row.at).backbone.hub_id
    except UnreadableRun:
        return  # `_differences` reports this error
    section = point.config.backbone
    if section.hub_id != hub_id:
        name = section.hub_id or section.path or section.package
        yield f"weights of {name}, not the weights of {hub_id} from the hub"


def _margin(scores: Sequence[float]) -> float:
    """Return half the width of the interval of rpt's mean minus the paper's mean, in points; `nan` with one run."""
    count = len(scores)
    if count < 2:
        return math.nan
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, count - 1))
    return quantile * float(np.std(scores, ddof=1)) * math.sqrt(1 / count + 1 / PAPER_RUNS)


def _difference(mean: float, expected: float, margin: float, exact_to: float, seeds: int) -> Estimate:
    half = margin + exact_to
    return Estimate(mean - expected, mean - expected - half, mean - expected + half, seeds)


def _averages(points: Sequence[Point]) -> Iterator[Line]:
    """Yield a comparison of the mean over the eight tasks for each row of the paper with such a mean.

    Tasks are independent, so the squared half widths of their intervals are added.
    """
    rows = {str(row): row for point in points for row in expected_of(point.experiment) if AVERAGE in row.points}
    for row in rows.values():
        parts = [point for point in points if not _differences(point, row.at)]
        by_task = {point.config.task.name: point for point in parts}
        yield _average(points[0].experiment, row, parts, by_task)


def _average(experiment: str, row: Expected, parts: Sequence[Point], by_task: Mapping[str, Point]) -> Line:
    expected, missing = row.points[AVERAGE], [task for task in OFFICIAL if task not in by_task]
    seeds, diverged = min((part.seeds for part in parts), default=0), sum(part.diverged for part in parts)
    reasons = [reason for part in parts for reason in _obstacles(part, row)]
    if missing:
        reasons.append(f"no run of {', '.join(missing)} in this setting")
    if len(parts) > len(by_task):
        reasons.append("the runs of a task differ in their data or weights")
    scores = [point.scores(row.metric) for point in by_task.values()]
    if not all(scores):
        reasons.append(f"some task's runs have no {row.metric}")
    if missing or not all(scores):
        return Line(experiment, AVERAGE, row, expected, None, None, seeds, diverged, None, _once(reasons))
    mean = float(np.mean([np.mean(task) for task in scores]))
    margin = math.sqrt(sum(_margin(task) ** 2 for task in scores)) / len(scores)
    difference = _difference(mean, expected, margin, EXACT_TO[row.kind], seeds)
    return Line(experiment, AVERAGE, row, expected, mean, None, seeds, diverged, difference, _once(reasons))


def _once(reasons: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reasons))
