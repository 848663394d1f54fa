"""Read the JSON body of a request within limits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from rpt.serve.limits import Limits
from rpt.serve.refusal import Refusal

if TYPE_CHECKING:
    from fastapi import Request

JSON_TYPE = "application/json"


async def read_json(request: Request, limits: Limits) -> Any:
    """Read and parse the body of a request.

    Raises:
        Refusal: The content type is not JSON (415), the body is too large (413) or too slow (408), or the body is not
            JSON, holds a number that JSON does not have, half of a surrogate pair, or too deep nesting (400).
    """
    from starlette.requests import ClientDisconnect

    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        raise Refusal(415, f"content-type is {content_type!r}; allowed is {JSON_TYPE}.")
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _read(request, limits)
    except TimeoutError as error:
        raise Refusal(408, f"the body did not arrive within {limits.body_seconds:g} seconds.") from error
    except ClientDisconnect as error:
        raise Refusal(400, "the client has closed the connection.") from error
    value = parse(body)
    if is_deeper(value, limits.depth):
        raise Refusal(400, f"the body nests lists and objects too deeply; allowed are {limits.depth} levels.")
    return value


async def _read(request: Request, limits: Limits) -> bytes:
    """Read the body. A body that is too large is read and discarded, because a client reads the refusal only then."""
    most, length = limits.body_bytes, request.headers.get("content-length", "")
    is_too_large = length.isdecimal() and int(length[:20]) > most
    body, size = bytearray(), 0
    if not (is_too_large and int(length[:20]) > most + limits.discarded_bytes):
        async for part in request.stream():
            size += len(part)
            is_too_large = is_too_large or size > most
            if size > most + limits.discarded_bytes:
                break
            body = bytearray() if is_too_large else body + part
    if is_too_large:
        raise Refusal(413, f"the body is too large; allowed are {most:,} bytes. Send the rows in several requests.")
    return bytes(body)


def parse(body: bytes) -> Any:
    """Parse JSON as the standard defines it: UTF-8, without NaN and infinity.

    Raises:
        Refusal: The body is not such JSON.
    """
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant)
        if "\\ud" in text.lower():  # half of a surrogate pair is valid JSON but cannot be encoded as UTF-8
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise Refusal(400, f"the body is not UTF-8 text ({error.reason}).") from error
    except json.JSONDecodeError as error:
        position = f"line {error.lineno}, column {error.colno}"
        raise Refusal(400, f"the body is not JSON ({error.msg}, {position}).") from error
    except RecursionError as error:
        raise Refusal(400, "the body nests lists and objects too deeply.") from error
    except ValueError as error:
        reason = "half of a surrogate pair" if isinstance(error, UnicodeEncodeError) else str(error)
        raise Refusal(400, f"the body cannot be read ({reason}).") from error
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Refusal(400, f"the body is not JSON: it holds {name}, which JSON does not allow.")


def is_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested more than `depth` levels deep.

    Examples:
        >>> is_deeper({"rows": [{}]}, 3), is_deeper({"rows": [{}]}, 2)
        (False, True)
    """
    level = _containers([value])
    for _ in range(depth):
        level = _containers(item for parent in level for item in _items(parent))
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _items(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container
