"""Where a sweep is shown: a terminal has a bar and the best points below it, a file has lines."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from tqdm import tqdm

EVERY_SECONDS = 300.0
"""Between two lines that say how far a sweep is, where there is no terminal."""

REDRAW_SECONDS = 0.2


@runtime_checkable  # for the tests, which check every call's types
class Screen(Protocol):
    """Shows lines that stay, and what changes below them."""

    def write(self, text: str, *, is_error: bool = False) -> None:
        """A line that stays, to stdout or stderr."""

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
    """Lines alone, and every few minutes one that says how far the sweep is and which point leads.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = sys.stdout  # while a pack trains there is another, which nobody reads
        self._clock = clock
        self._last = clock()

    def write(self, text: str, *, is_error: bool = False) -> None:
        """A line."""
        stream = sys.stderr if is_error else self._out
        stream.write(text + "\n")
        stream.flush()

    def show(self, done: float, words: Callable[[], str], table: Callable[[], Sequence[str]]) -> None:
        """A line, where the last is long ago."""
        if self._clock() - self._last >= EVERY_SECONDS:
            self._last = self._clock()
            self.write("; best: ".join([words(), *table()[:1]]))

    def close(self) -> None:
        """Nothing changes below the lines."""


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
    return Terminal(total) if wants_bar and sys.stderr.isatty() else Log()
