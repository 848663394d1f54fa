"""Turn the points of a sweep into results: find finished runs, train the other runs, and report every result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rpt.console import say
from rpt.sweep.coordinator import Coordinator
from rpt.sweep.executors import executor_of
from rpt.sweep.halving import with_competitors
from rpt.sweep.ledger import FOLDER, register
from rpt.sweep.point import Point, Result
from rpt.sweep.prepare import prepare
from rpt.sweep.settings import Settings
from rpt.training.live_progress import ProgressCallback, ignore_progress

MOST_NAMED = 3
"""Largest number of points that a message about several points of the same run lists."""

Report = Callable[[Point, Result, bool], None]
"""Callback whose arguments are a point, its result, and whether this command has produced the result."""


def launch(
    points: Sequence[Point],
    settings: Settings,
    report: Report,
    output_dir: Path,
    watch: ProgressCallback = ignore_progress,
) -> list[Result]:
    """Train the runs of a sweep that are not finished yet.

    Finished runs are not trained again. Interrupted runs are resumed from their checkpoints. Failed runs are trained
    again only if `settings.retry_failed` is set. Runs that successive halving has stopped are trained anew only if
    halving is off. If another process trains a run, this function waits for the result, and resumes the run if that
    process dies.

    Args:
        points: Points of the sweep, each with a different number.
        settings: Options of the packed launcher.
        report: Callback for results, called once for each point as soon as its result is known.
        output_dir: Folder of the runs, which also holds the ledger.
        watch: Callback for progress.

    Returns:
        A result for each point, in the points' order.

    Raises:
        ConfigError: The executor's package is missing, an option of the executor is wrong, or halving is refused.
        LedgerError: The sweep's ledger cannot be read.
        StorageError: The sweep's ledger cannot be written.
    """
    executor = executor_of(settings, output_dir / FOLDER)
    prepared = prepare(points)
    runs = with_competitors(prepared.runs, settings)
    by_number = {point.number: point for point in points}
    results: dict[int, Result] = {}

    def note(result: Result, is_new: bool) -> None:
        results[result.number] = result
        report(by_number[result.number], result, is_new)

    for result in prepared.results:
        note(result, True)
    _say_twins(prepared.twins, by_number)
    if runs:
        sweep = register(runs, output_dir)
        Coordinator(sweep, runs, executor, settings, note, watch).run()
    for twin, first in prepared.twins:
        note(replace(results[first], number=twin.number, twin_of=by_number[first].name), False)
    return [results[point.number] for point in points]


def _say_twins(twins: Sequence[tuple[Point, int]], by_number: Mapping[int, Point]) -> None:
    """Print a line for each run that several points describe, with the names of the first `MOST_NAMED` points.

    Args:
        twins: Pairs of a point and the number of the earlier point that is the same run.
        by_number: All points of the sweep, by number.
    """
    by_run: dict[int, list[str]] = defaultdict(list)
    for twin, first in twins:
        by_run[first].append(twin.name)
    for first, others in by_run.items():
        names = [by_number[first].name, *others]
        rest = len(names) - MOST_NAMED
        more = f"; {rest} more" if rest > 0 else ""
        say(f"{len(names)} points describe the same run, which is trained once: {'; '.join(names[:MOST_NAMED])}{more}")
