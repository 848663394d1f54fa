"""Limits of a request, so that no client can exhaust the memory of the server or stop it for other clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of a request, and of the work that waits for the model.

    Attributes:
        body_bytes: Largest number of bytes of a request's body.
        discarded_bytes: Largest number of bytes beyond `body_bytes` that are read and discarded, so that the client
            gets the refusal. The connection of a client that sends more is closed.
        body_seconds: Longest time in seconds that a client may take to send its body.
        rows: Largest number of rows of a request.
        depth: Largest number of lists and objects inside each other in a request.
        characters: Largest number of characters of a text.
        answers: Largest number of answers of a request: examples of its rows, times runs.
        choices: Largest number of choices of an example. The choices of an example share a forward pass.
        waiting: Largest number of answers that wait for the model. Further requests are refused until enough of these
            answers are computed.
    """

    body_bytes: int = 1024**2
    discarded_bytes: int = 64 * 1024**2
    body_seconds: float = 30.0
    rows: int = 256
    depth: int = 16
    characters: int = 100_000
    answers: int = 4096
    choices: int = 256
    waiting: int = 4096
