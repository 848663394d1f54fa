"""Messages that a packed sweep prints: one line for each point that ends, the progress, and a summary."""

from __future__ import annotations

import shlex
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from rpt.console import several
from rpt.sweep.display import Screen
from rpt.sweep.point import Point, Result
from rpt.training.live_progress import PackProgress

TWIN = "identical to another point"
"""Name in the summary for points that describe the same run as an earlier point. Only the earlier point is trained."""

MOST_BEST = 5
"""Number of points in each part of the table of best scores."""

RATE_SECONDS = 30.0
"""Length in seconds of the window over which the number of examples per second is measured."""

Scored = tuple[float, str]
"""A score, 0 to 1, and the name of the point that has it."""


class Lines:
    """Writes the progress and the results of a sweep: scores to stdout, errors to stderr.

    Args:
        total: Number of the sweep's points.
        output_dir: Folder of the sweep's runs, for the commands that the summary names.
        screen: Terminal or log that shows the lines.
        clock: Function that returns seconds.
    """

    def __init__(
        self, total: int, output_dir: Path, screen: Screen, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._total = total
        self._output_dir = output_dir
        self._screen = screen
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._num_known = 0  # number of points whose result is not new
        self._finished_before = 0  # number of points that an earlier command has trained
        self._best: list[Scored] = []
        self._reasons: dict[str, str] = {}  # name of the first point with each error
        self._progress = PackProgress()
        self._has_begun = False
        self._began = clock()
        self._rows = deque([(self._began, 0)])  # pairs of a time and the number of rows trained on until then

    def report(self, point: Point, result: Result, is_new: bool) -> None:
        """Write a line for a point's result. A score that an earlier command has printed is only counted.

        Args:
            point: Point of the sweep.
            result: Result of the point.
            is_new: Whether this command has produced the result.
        """
        is_old_score = result.status == "finished" and not is_new
        is_twin = result.twin_of is not None
        self._counts[TWIN if is_twin and is_old_score else result.status] += 1
        self._finished_before += is_old_score and not is_twin
        self._num_known += not is_new
        if is_twin:
            self._show()
            return
        open_runs = {name: run for name, run in self._progress.runs.items() if name != point.name}
        self._progress = replace(self._progress, runs=open_runs)
        if result.score is not None:
            self._best = _best([*self._best, (result.score, point.name)])
        if result.status == "finished" and is_new:
            count = f"[{self._counts.total():{len(str(self._total))}}/{self._total}]"
            self._screen.write(f"{count} score {result.score:.3f}  {point.name}")
        elif result.status == "stopped":
            if is_new:
                self._screen.write(f"{result.error}: {point.name}")
        elif result.status == "failed" or (result.status != "finished" and is_new):
            before = "" if is_new else " before (hydra.launcher.retry_failed=true trains it again)"
            self._screen.write(f"{result.status}{before}: {point.name}\n{self._reason(point, result)}", is_error=True)
        self._show()

    def _reason(self, point: Point, result: Result) -> str:
        """Return the point's error, indented, or the name of the first point that has the same error."""
        error = result.error or ""
        first = self._reasons.setdefault(error, point.name)
        if first != point.name:
            return f"  for the same reason as {first}"
        return "\n".join(f"  {line}" for line in error.splitlines())

    def watch(self, progress: PackProgress | None) -> None:
        """Update the display with the progress of training; None only redraws it."""
        if progress is not None:
            self._progress = progress
            self._rows.append((self._clock(), self._rows[-1][1] + progress.rows))
            while self._rows[-1][0] - self._rows[0][0] > RATE_SECONDS:
                self._rows.popleft()
            if not self._has_begun:
                self._has_begun = True
                self._screen.begin(self.how_far)
        self._show()

    def how_far(self) -> str:
        """Describe progress: finished, running and failed points, examples per second, estimated time left."""
        counts, progress = self._counts, self._progress
        finished = counts["finished"] + counts[TWIN] + progress.count("finished")
        failed = counts["failed"] + counts["refused"] + progress.count("failed")
        parts = [f"{finished} of {self._total} points finished, {progress.count('running')} running, {failed} failed"]
        if stopped := counts["stopped"] + progress.count("stopped"):
            parts.append(f"{stopped} stopped")
        if counts["interrupted"]:
            parts.append(f"{counts['interrupted']} interrupted")
        (first_time, first_rows), (last_time, last_rows) = self._rows[0], self._rows[-1]
        if last_rows > first_rows and last_time > first_time:
            parts.append(f"{(last_rows - first_rows) / (last_time - first_time):,.0f} examples/s")
        if (num_new := self._ended() - self._num_known) > 0:
            seconds = (self._clock() - self._began) / num_new * (self._total - self._ended())
            parts.append(f"{timedelta(seconds=round(seconds))} left")
        return ", ".join(parts)

    def best(self) -> list[str]:
        """Return the table of the best scores so far: reported scores, then held-out scores of runs without a result.

        The two parts are separate, because scores on different rows cannot be compared.
        """
        runs, out = self._progress.runs.items(), ("failed", "stopped")
        held_out = [(run.held_out, name) for name, run in runs if run.held_out is not None and run.status not in out]
        return [
            *(f"{score:.3f} reported  {name}" for score, name in self._best),
            *(f"{score:.3f} held-out so far  {name}" for score, name in _best(held_out)),
        ]

    def stopped(self) -> str:
        """Close the display and return the message for Ctrl-C: how many points are kept, and how to resume."""
        self._screen.close()
        finished = self._counts["finished"] + self._counts[TWIN]
        return (
            f"interrupted: {finished} of {self._total} points are finished and kept. Run the same command again: "
            "it continues from the last checkpoints."
        )

    def close(self) -> None:
        """Close the display and write the summary."""
        self._screen.close()
        order = ("finished", TWIN, "stopped", "failed", "interrupted", "refused")
        parts = [f"{self._counts[status]} {status}{self._note(status)}" for status in order if self._counts[status]]
        self._screen.write(f"{several(self._total, 'point')}: {', '.join(parts)}")
        folder = shlex.quote(str(self._output_dir))
        self._screen.write(f"python -m rpt.ledger {folder} lists them")
        if self._counts["finished"]:
            self._screen.write(f"python -m rpt.report {folder} compares them")

    def _note(self, status: str) -> str:
        """Return a note on how many finished points an earlier command has trained; empty for other statuses."""
        count = self._finished_before
        return f" ({count} by an earlier command)" if status == "finished" and count else ""

    def _ended(self) -> float:
        """Count the points that have ended, plus the trained share of each point in training."""
        progress = self._progress
        ended = self._counts.total() + sum(progress.count(status) for status in ("finished", "stopped", "failed"))
        return ended + progress.share * progress.count("running")

    def _show(self) -> None:
        self._screen.show(self._ended(), self.how_far, self.best)


def _best(scored: Iterable[Scored]) -> list[Scored]:
    return sorted(scored, key=lambda pair: -pair[0])[:MOST_BEST]
