"""Plain lines of progress, for pipes, notebooks and the log files of a cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LINE_SECONDS = 60.0
"""Largest number of seconds between two lines."""

REFRESH_SECONDS = 1.0
"""Smallest number of seconds between two descriptions of the state, because a description takes some time."""


class ProgressLog:
    """Log that writes a line for each event, and a line with the latest state of the training once a minute.

    A separate thread writes the state, so that lines also appear while a long forward pass, a download or the reading
    of weights keeps the main thread busy.

    Args:
        write: Function that writes a line and flushes it.
        state: State before the first event or update. If it is empty, no line is written until then.
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
        """Seconds since the log was created."""
        return self._clock() - self._started

    def event(self, text: str) -> None:
        """Write a line at once. The thread repeats it once a minute until the state is updated."""
        with self._lock:
            self._state = text
            self._last_line = self._clock()
            self._write(text)

    def update(self, describe: Callable[[], str]) -> None:
        """Update the state, at most once a second, and write it if no line was written for a minute.

        Args:
            describe: Function that returns a description of the state.
        """
        seconds = self._clock()
        if seconds - self._last_update < REFRESH_SECONDS:
            return
        self._last_update = seconds
        state = describe()
        with self._lock:
            self._state = state
        self.write_if_due()

    def write_if_due(self) -> None:
        """Write a line with the training's last state if no line was written for a minute."""
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
