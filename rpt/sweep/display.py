"""Display of a sweep's progress: a bar with the best points below it on a terminal, plain lines in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from rpt.console import several
from rpt.training.progress_log import ProgressLog

REDRAW_SECONDS = 0.2


@runtime_checkable  # the tests check the types of every call
class Screen(Protocol):
    """Display of permanent lines with a changing progress display below them."""

    def write(self, text: str, *, is_error: bool = False) -> None:
        """Write a permanent line to stdout, or to stderr if `is_error`."""

    def begin(self, words: Callable[[], str]) -> None:
        """Show that training begins.

        Args:
            words: Function that describes the sweep's progress in one line.
        """

    def show(self, done: float, words: Callable[[], str], table: Callable[[], Sequence[str]]) -> None:
        """Update the progress display after a step. `words` and `table` are called only when the display is drawn.

        Args:
            done: Number of ended points, plus the trained share of each point in training.
            words: Function that describes the sweep's progress in one line.
            table: Function that returns a line for each of the best points, the best first.
        """

    def close(self) -> None:
        """Remove the progress display."""


class Log:
    """Display for a log file: permanent lines, and once a minute a line with the progress and the best point.

    Args:
        total: Number of the sweep's points.
        clock: Function that returns seconds.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout  # kept, because the output of `sys.stdout` is discarded while a pack trains
        self._log = ProgressLog(self._write, f"preparing {several(total, 'point')}", clock=clock)

    def start(self) -> Log:
        """Start the thread that writes a line a minute, also while the sweep is busy."""
        self._log.start()
        return self

    def write(self, text: str, *, is_error: bool = False) -> None:
        """Write a line to stdout, or to stderr if `is_error`."""
        if is_error:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def begin(self, words: Callable[[], str]) -> None:
        """Write the first line of progress."""
        self._log.event(words())

    def show(self, done: float, words: Callable[[], str], table: Callable[[], Sequence[str]]) -> None:
        """Write a line of progress, if the last line is at least a minute old."""
        self._log.update(lambda: "; best: ".join([words(), *table()[:1]]))

    def close(self) -> None:
        """Stop the thread that writes a line a minute."""
        self._log.close()


class Terminal:
    """Display for a terminal: a progress bar for the whole sweep, redrawn in place, and the best points below it.

    rich erases the display before each permanent line and draws it anew afterwards, because permanent lines go to
    stdout, which may be a file.

    Args:
        total: Number of the sweep's points.
        clock: Function that returns seconds.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout
        self._console = Console(file=sys.stderr, force_terminal=True, highlight=False)
        self._total = total
        self._clock = clock
        self._last = float("-inf")
        self._live: Live | None = None

    def write(self, text: str, *, is_error: bool = False) -> None:
        """Write a permanent line above the bar."""
        self.close()
        stream = sys.stderr if is_error else self._out
        stream.write(text + "\n")
        stream.flush()
        self._last = float("-inf")

    def begin(self, words: Callable[[], str]) -> None:
        """Do nothing, because the bar shows the progress."""

    def show(self, done: float, words: Callable[[], str], table: Callable[[], Sequence[str]]) -> None:
        """Redraw the bar and the table, at most once in `REDRAW_SECONDS`."""
        if self._clock() - self._last < REDRAW_SECONDS:
            return
        self._last = self._clock()
        if self._live is None:
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
            self._console.show_cursor(True)  # otherwise a killed sweep leaves a terminal without a cursor
        line = Table.grid(Column(width=10), Column(width=4), Column(no_wrap=True, overflow="ellipsis"), padding=(0, 1))
        line.add_row(ProgressBar(self._total, done), Text(f"{done / self._total:4.0%}"), Text(words()))
        best = [Text(text, no_wrap=True, overflow="ellipsis") for text in table()]
        self._live.update(Group(line, *best), refresh=True)

    def close(self) -> None:
        """Remove the bar and the table."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def screen(total: int, wants_bar: bool) -> Screen:
    """Return a terminal display if stderr is a terminal and a bar is wanted, and a log display otherwise."""
    return Terminal(total) if wants_bar and sys.stderr.isatty() else Log(total).start()
