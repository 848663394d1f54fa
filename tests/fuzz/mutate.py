"""Damage JSON values and files at random, and call a function on them under a time limit.

A fuzz test makes a valid input, damages it with a seeded random generator, and passes it to the function of a command.
`outcome` allows two results: the function accepts the input, or it raises an `RptError`.
"""

import copy
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from rpt.errors import RptError
from rpt.system.reading import LFS_POINTER

SECONDS = 20
"""Time limit of a case in seconds. It leaves room for a busy machine."""

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 7, 2**31, 2**63, 10**30, 0.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "x", "0", "\u2028\x00", "../../x", "é" * 300, "[]"),
    *([], {}, [[]], [None], {"": None}, {"a": {"b": [1, "2"]}}, ["x"] * 50),
)
"""Values of every JSON type, including extreme numbers and unusual texts."""

DEEP = 2_000
"""Levels of a nested value, more than Python's parser or a recursive function can handle."""


class TimeLimitExceeded(Exception):
    """A case has exceeded the time limit."""


def mutate_json(value: Any, random: Random) -> Any:
    """Return a copy of a JSON value with one to three random changes."""
    changed = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        changed = _change(changed, random)
    return changed


def _change(value: Any, random: Random) -> Any:
    positions = list(_positions(value))
    if not positions or random.random() < 0.02:
        return random.choice(ODD_VALUES)
    container, key = random.choice(positions)
    kind = random.choice(("odd", "odd", "odd", "remove", "add", "wrap", "text", "swap", "number"))
    old = container[key]
    if kind == "remove":
        del container[key]
    elif kind == "add" and isinstance(container, dict):
        container[random.choice(("x", "", str(key) + "s", "_" + str(key)))] = random.choice(ODD_VALUES)
    elif kind == "wrap":
        container[key] = random.choice(([old], {"value": old}, {str(key): old}))
    elif kind == "text":
        container[key] = str(old)
    elif kind == "swap":
        other, other_key = random.choice(positions)
        container[key], other[other_key] = copy.deepcopy(other[other_key]), copy.deepcopy(old)
    elif kind == "number" and type(old) in (int, float):
        container[key] = random.choice((-old, old + 1, old * 2, old / 3, old * 1000, old - 1))
    else:
        container[key] = copy.deepcopy(random.choice(ODD_VALUES))
    return value


def _positions(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container of a JSON value with each of its keys or indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from _positions(item)


def mutate_bytes(content: bytes, random: Random) -> bytes:
    """Return a copy of a file's content with one random damage."""
    size = len(content)
    start = random.randrange(size + 1)
    end = min(size, start + random.choice((1, 2, 8, 100, size)))
    noise = random.randbytes(random.choice((1, 4, 64)))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: content[:start],
        lambda: content[:start],
        lambda: content[:start] + noise + content[start + len(noise) :],
        lambda: content[:start] + noise + content[start:],
        lambda: content[:start] + content[end:],
        lambda: content[:start] + bytes(end - start) + content[end:],
        lambda: content + noise,
        lambda: content + content,
        lambda: b"",
        lambda: noise * 16,
        lambda: LFS_POINTER + b"v1\noid sha256:0\nsize 9\n",
        lambda: b"[" * DEEP + b"]" * DEEP,
        lambda: content.replace(b'"', b"'"),
        lambda: content[1:],
    )
    return random.choice(kinds)()


@contextmanager
def limit(seconds: int = SECONDS) -> Iterator[None]:
    """Raise `TimeLimitExceeded` inside a block that takes longer than the limit."""

    def stop(*_: object) -> None:
        raise TimeLimitExceeded(f"over {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def outcome(function: Callable[[], Any], seconds: int = SECONDS) -> str:
    """Return `accepted`, `refused: MESSAGE` for an `RptError`, or `broken: ERROR` for any other error.

    A fuzz test fails if the outcome of a case is `broken`.
    """
    try:
        with limit(seconds):
            function()
    except RptError as error:
        message = str(error)
        return f"refused: {message}" if message.strip() else "broken: a refusal without words"
    except BaseException as error:  # a panic in Rust code is a BaseException
        if isinstance(error, KeyboardInterrupt):
            raise
        return f"broken: {type(error).__name__}: {str(error)[:300]}"
    return "accepted"
