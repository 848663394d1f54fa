"""Points in, results out: what is done is found, what is missing is planned, trained and reported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rpt.console import say
from rpt.packing.campaign import Campaign
from rpt.packing.executors import executor_of
from rpt.packing.ledger import FOLDER, register
from rpt.packing.point import Point, Result
from rpt.packing.prepare import prepare
from rpt.packing.settings import Settings
from rpt.pulse import Watch, nobody

Report = Callable[[Point, Result, bool], None]
"""Told of a point's result, and whether this start brought it about; it was known before otherwise."""


def launch(
    points: Sequence[Point], settings: Settings, report: Report, output_dir: Path, watch: Watch = nobody
) -> list[Result]:
    """Train what is missing of a sweep.

    Finished runs are not trained again, interrupted ones go on, failed ones stay failed unless they are to be tried
    again, and those that other processes train are waited for, or taken over where their process is gone.

    Args:
        points: Of the sweep; each has another number.
        settings: How it is trained.
        report: Told of every point once, as soon as its result is known.
        output_dir: Where the ledger is kept.
        watch: Told how training goes.

    Returns:
        One result a point, in the points' order.

    Raises:
        ConfigError: The executor cannot be had, or does not take its options.
        LedgerError: The sweep's ledger cannot be read.
        StorageError: It cannot be written.
    """
    executor = executor_of(settings, output_dir / FOLDER)
    prepared = prepare(points)
    by_number = {point.number: point for point in points}
    results: dict[int, Result] = {}

    def note(result: Result, is_new: bool) -> None:
        results[result.number] = result
        report(by_number[result.number], result, is_new)

    for result in prepared.results:
        note(result, True)
    twins: dict[int, list[str]] = defaultdict(list)
    for twin, first in prepared.twins:
        twins[first].append(twin.name)
    for first, names in twins.items():
        say(f"the same run {len(names) + 1} times, trained once: {'; '.join([by_number[first].name, *names])}")
    if prepared.runs:
        sweep = register(prepared.runs, output_dir)
        Campaign(sweep, prepared.runs, executor, settings, note, watch).run()
    for twin, first in prepared.twins:
        note(replace(results[first], number=twin.number, twin_of=by_number[first].name), False)
    return [results[point.number] for point in points]
