"""Delay a signal that ends a training (Ctrl-C, SIGTERM, a launcher's signals) until a checkpoint is written.

Inside `Interruptions.deferred`, a signal is only stored. The training calls `check` after each complete step, writes a
checkpoint, and calls `deliver`, which calls the signal's original handler. A second signal of the same kind is handled
at once. The first signal is handled after `GRACE_SECONDS` at the latest.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

GRACE_SECONDS = 20.0
"""Longest delay of a signal, in seconds. SLURM and Kubernetes kill a process 30 seconds after SIGTERM."""

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a process at once unless it handles them."""

SIGNALS = (signal.SIGINT, *ENDING, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that are delayed. Launchers announce preemption by SIGUSR1 or SIGUSR2."""

Handler = Callable[[int, FrameType | None], Any]


class Interrupted(BaseException):
    """A signal, such as Ctrl-C, has arrived and is delayed until a checkpoint is written.

    `Interruptions.check` raises this error. The code that catches it writes a checkpoint and calls
    `Interruptions.deliver`.
    """


def ctrl_c_of(error: BaseException) -> KeyboardInterrupt | None:
    """Return the KeyboardInterrupt of Ctrl-C that an exception is, or from which Lightning has made the exception.

    Lightning catches KeyboardInterrupt and raises SystemExit in its place.

    Args:
        error: Exception that has ended a command or a training.

    Returns:
        The KeyboardInterrupt; None for an exception of another origin.
    """
    return next((cause for cause in (error, error.__context__) if isinstance(cause, KeyboardInterrupt)), None)


def exit_by(number: int, frame: FrameType | None = None) -> None:
    """Signal handler that ends the process by SystemExit, so that files are closed and records are completed."""
    raise SystemExit(128 + number)


class Interruptions:
    """Delayed signals, and the handlers that delay them.

    Python allows signal handlers in the main thread only, so signals are not delayed in other threads.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._waiting: list[int] = []
        self._is_deferring = False
        self._timer: threading.Timer | None = None

    @contextmanager
    def terminable(self) -> Iterator[None]:
        """Let SIGTERM and SIGHUP end the block by SystemExit, unless the process already handles or ignores them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        unhandled = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
        for number in unhandled:
            signal.signal(number, exit_by)
        try:
            yield
        finally:
            for number in unhandled:
                signal.signal(number, signal.SIG_DFL)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Delay signals inside the block, from the first call of `defer` on."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
        self._handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
        try:
            yield
        finally:
            self._is_deferring = False
            self._stop_timer()
            for number in self._handlers:
                signal.signal(number, handlers[number])

    def defer(self) -> None:
        """Install the handlers that delay signals. Call this after the training loop has installed its own handlers."""
        self._is_deferring = bool(self._handlers)
        for number in self._handlers:
            signal.signal(number, self._note)

    def check(self) -> None:
        """Raise an error if a signal has arrived and waits for a checkpoint.

        Raises:
            Interrupted: A signal is delayed.
        """
        if self._waiting:
            raise Interrupted

    def deliver(self) -> None:
        """Call the original handler of each delayed signal.

        Raises:
            BaseException: The exception of the handler, such as KeyboardInterrupt or SystemExit. A launcher's handler
                may return instead.
        """
        while self._waiting:
            number = self._waiting.pop(0)
            self._handlers[number](number, None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in self._waiting or not self._is_deferring:
            self._waiting = [waiting for waiting in self._waiting if waiting != number]
            self._handlers[number](number, frame)
            return
        self._waiting.append(number)
        if number == signal.SIGINT:
            sys.stderr.write("stopping after a checkpoint is written; Ctrl-C again stops at once\n")
        if self._timer is None:
            main = threading.main_thread().ident
            assert main is not None
            self._timer = threading.Timer(GRACE_SECONDS, signal.pthread_kill, (main, number))
            self._timer.daemon = True
            self._timer.start()
