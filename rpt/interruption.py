"""Let a signal that ends a training wait until the training can be saved: Ctrl-C, SIGTERM, and a launcher's own.

Inside `Interruptions.deferred` a signal is only noted. The training asks `check` wherever its state is that of a whole
step, writes a checkpoint, and lets the signal act by `deliver`. A second signal of the same kind acts at once, and so
does the first after `GRACE_SECONDS`.
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
"""How long a signal may wait for the checkpoint. SLURM and Kubernetes kill a process 30 seconds after SIGTERM."""

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Signals that end a process without a word unless somebody handles them."""

SIGNALS = (signal.SIGINT, *ENDING, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that may wait; a launcher's preemption warning is one of the last two."""

Handler = Callable[[int, FrameType | None], Any]


class Interrupted(BaseException):
    """Raised by `Interruptions.check`, and caught by the caller of `Interruptions.deliver`."""


def exit_by(number: int, frame: FrameType | None = None) -> None:
    """End the process by an exception, so that files are closed and records say what has happened."""
    raise SystemExit(128 + number)


class Interruptions:
    """The signals that have arrived and not acted yet.

    Outside the main thread, where no handler can be set, no signal ever waits.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Handler] = {}
        self._waiting: list[int] = []
        self._is_deferring = False
        self._timer: threading.Timer | None = None

    @contextmanager
    def terminable(self) -> Iterator[None]:
        """Let SIGTERM and SIGHUP end the block by an exception; a launcher's own handler or SIG_IGN stays in place."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        mine = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
        for number in mine:
            signal.signal(number, exit_by)
        try:
            yield
        finally:
            for number in mine:
                signal.signal(number, signal.SIG_DFL)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let signals wait inside the block from the first `defer` on."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        found: dict[int, Any] = {number: signal.getsignal(number) for number in SIGNALS}
        self._handlers = {number: handler for number, handler in found.items() if callable(handler)}
        try:
            yield
        finally:
            self._is_deferring = False
            self._stop_timer()
            for number in self._handlers:
                signal.signal(number, found[number])

    def defer(self) -> None:
        """Put this object's handlers in place; the training loop calls it once the loop's own handlers are set."""
        self._is_deferring = bool(self._handlers)
        for number in self._handlers:
            signal.signal(number, self._note)

    def check(self) -> None:
        """Stop here if a signal waits.

        Raises:
            Interrupted: A signal waits.
        """
        if self._waiting:
            raise Interrupted

    def deliver(self) -> None:
        """Let each waiting signal act as it would have without this object.

        Raises:
            BaseException: What the handler raises: KeyboardInterrupt, SystemExit. A launcher's own may return.
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
            self._waiting = [other for other in self._waiting if other != number]
            self._handlers[number](number, frame)
            return
        self._waiting.append(number)
        if number == signal.SIGINT:
            sys.stderr.write("stopping once a checkpoint is written; Ctrl-C again stops at once\n")
        if self._timer is None:
            main = threading.main_thread().ident
            assert main is not None
            self._timer = threading.Timer(GRACE_SECONDS, signal.pthread_kill, (main, number))
            self._timer.daemon = True
            self._timer.start()
