"""Plain lines that show that a training is alive, for pipes, notebooks and the log files of a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LINE_SECONDS = 60.0
"""Most seconds between two lines."""

REFRESH_SECONDS = 1.0
"""Fewest seconds between two descriptions of the state, each of which costs some time."""


class ProgressLog:
    """Write a line for each event, and the newest state once a minute in between.

    A thread of its own writes the state, so that a line also comes while a long forward pass, a download or the
    reading of weights keeps the main thread busy.

    Args:
        write: Function that writes one line and flushes it.
        state: What the log says before the first event or update; empty to say nothing.
        clock: Function that returns seconds.
    """

    def __init__(
        self, write: Callable[[str], None], state: str = "", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._started = self._last_line = clock()
        self._last_update = float("-inf")
        self._state = state
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        """Seconds since the log was made."""
        return self._clock() - self._started

    def event(self, text: str) -> None:
        """Write a line at once. The line is the state until the next update."""
        with self._lock:
            self._state = text
            self._last_line = self._clock()
            self._write(text)

    def update(self, describe: Callable[[], str]) -> None:
        """Renew the state, at most once a second, and write it where no line was written for a minute.

        Args:
            describe: Function that returns the state in words.
        """
        now = self._clock()
        if now - self._last_update < REFRESH_SECONDS:
            return
        self._last_update = now
        state = describe()
        with self._lock:
            self._state = state
        self.write_if_due()

    def write_if_due(self) -> None:
        """Write the state where no line was written for a minute."""
        with self._lock:
            if self._clock() - self._last_line >= LINE_SECONDS and self._state:
                self._last_line = self._clock()
                self._write(self._state)

    def start(self) -> ProgressLog:
        """Start the thread that writes the state once a minute."""
        self._thread = threading.Thread(target=self._run, name="progress log", daemon=True)
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop the thread."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed.wait(LINE_SECONDS / 60):
            self.write_if_due()
