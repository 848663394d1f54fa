"""Refusal of a request, which the client receives as JSON with a status code."""

from __future__ import annotations

from collections.abc import Mapping

LONGEST_MESSAGE = 600
"""Largest number of characters of a message, which may quote a text from the request."""


class Refusal(Exception):
    """A request cannot be answered.

    Args:
        status: HTTP status code.
        message: Reason for the refusal, and what is allowed. A long message is shortened in its middle.
        headers: Further headers of the response.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, message, headers)
        self.status = status
        self.message = shortened(message)
        self.headers = headers


def shortened(text: str) -> str:
    """Replace the middle of a long text by dots.

    Examples:
        >>> shortened("short")
        'short'
        >>> len(shortened("x" * 10_000))
        600
    """
    if len(text) <= LONGEST_MESSAGE:
        return text
    half = (LONGEST_MESSAGE - 5) // 2
    return f"{text[: LONGEST_MESSAGE - 5 - half]} ... {text[-half:]}"
