"""Where a sweep is shown: a terminal has a bar and the best points below it, a file has lines."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from tqdm import tqdm

from rpt.console import several
from rpt.progress_log import ProgressLog

REDRAW_SECONDS = 0.2


@runtime_checkable  # for the tests, which check every call's types
class Screen(Protocol):
    """Shows lines that stay, and what changes below them."""

    def write(self, text: str, *, is_error: bool = False) -> None:
        """A line that stays, to stdout or stderr."""

    def begin(self, words: Callable[[], str]) -> None:
        """Training begins.

        Args:
            words: Function that says how far the sweep is.
        """

    def show(self, done: float, words: Callable[[], str], table: Callable[[], Sequence[str]]) -> None:
        """How far the sweep is; asked for only when it is shown, for this is called after every step.

        Args:
            done: Points, a part of one for those that train.
            words: The same in words.
            table: The best points, the best first.
        """

    def close(self) -> None:
        """Take away what changes."""


class Log:
    """Lines alone, and one a minute that says how far the sweep is and which point leads.

    Args:
        total: Number of the sweep's points.
        clock: Function that returns seconds.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout  # while a pack trains there is another, which nobody reads
        self._log = ProgressLog(self._write, f"preparing {several(total, 'point')}", clock=clock)

    def start(self) -> Log:
        """Start the thread that writes a line a minute, whatever the sweep does meanwhile."""
        self._log.start()
        return self

    def write(self, text: str, *, is_error: bool = False) -> None:
        """A line."""
        if is_error:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        else:
            self._write(text)

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def begin(self, words: Callable[[], str]) -> None:
        """Write the first line that says how far the sweep is."""
        self._log.event(words())

    def show(self, done: float, words: Callable[[], str], table: Callable[[], Sequence[str]]) -> None:
        """A line, where the last is a minute ago."""
        self._log.update(lambda: "; best: ".join([words(), *table()[:1]]))

    def close(self) -> None:
        """Nothing changes below the lines."""
        self._log.close()


class Terminal:
    """A bar for the whole sweep, redrawn in place, and the best points below it.

    Args:
        total: Points of the sweep.
        clock: Seconds.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout
        self._clock = clock
        self._last = float("-inf")
        self._bar = _line("{percentage:3.0f}%|{bar:10}| {desc}", 0, total)
        self._rows: list[Any] = []

    def write(self, text: str, *, is_error: bool = False) -> None:
        """A line above the bar."""
        tqdm.write(text, file=sys.stderr if is_error else self._out)

    def begin(self, words: Callable[[], str]) -> None:
        """Write nothing: the bar says it."""

    def show(self, done: float, words: Callable[[], str], table: Callable[[], Sequence[str]]) -> None:
        """Redraw, some times a second."""
        if self._clock() - self._last < REDRAW_SECONDS:
            return
        self._last = self._clock()
        width = shutil.get_terminal_size().columns - 1
        self._bar.n = done
        self._bar.set_description_str(words()[: max(width - 17, 0)])
        texts = list(table())
        for number in range(len(self._rows), len(texts)):
            self._rows.append(_line("{desc}", number + 1, None))
        texts += [""] * (len(self._rows) - len(texts))  # the table has become shorter
        for row, text in zip(self._rows, texts, strict=True):
            row.set_description_str(text[:width])

    def close(self) -> None:
        """Take bar and table away."""
        for line in (*reversed(self._rows), self._bar):
            line.close()


def _line(form: str, position: int, total: int | None) -> Any:
    return tqdm(total=total, bar_format=form, position=position, leave=False, dynamic_ncols=True, file=sys.stderr)


def screen(total: int, wants_bar: bool) -> Screen:
    """A terminal, if stderr is one and a bar is wanted."""
    return Terminal(total) if wants_bar and sys.stderr.isatty() else Log(total).start()
