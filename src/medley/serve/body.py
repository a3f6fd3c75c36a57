"""Reading a request's body: no more than the limit, and JSON that is neither deep nor beyond its standard."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from medley.serve.refusal import Refusal
from medley.serve.settings import Limits

if TYPE_CHECKING:
    from starlette.requests import Request


async def read_body(request: Request, limits: Limits) -> bytes:
    """The bytes of a request.

    Raises:
        Refusal: there are more than the limit, or they do not come in time; the rest is not read.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.body_bytes:
        raise too_large(limits)
    parts, size = [], 0
    try:
        async with asyncio.timeout(limits.seconds):
            async for part in request.stream():
                size += len(part)
                if size > limits.body_bytes:
                    raise too_large(limits)
                parts.append(part)
    except TimeoutError:
        raise Refusal(408, f"The request was not complete after {limits.seconds:g} seconds.") from None
    return b"".join(parts)


def too_large(limits: Limits) -> Refusal:
    """The refusal of a request that is too large."""
    return Refusal(413, f"The request is larger than {limits.body_bytes:,} bytes; send fewer rows at once.")


def parse_json(body: bytes, depth: int) -> Any:
    """JSON as Python values.

    Args:
        body: UTF-8.
        depth: levels of lists and objects that are allowed.

    Raises:
        Refusal: it is not JSON of the standard, which has no NaN and no infinities, or is too deep.

    >>> parse_json(b'{"rows": [1]}', 2)
    {'rows': [1]}
    """
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise Refusal(400, f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None
    except RecursionError:
        raise _too_deep(depth) from None
    except ValueError as error:  # also for numbers of more digits than Python reads
        raise Refusal(400, f"The body is not JSON: {error}.") from None
    level = _containers([content])
    for _ in range(depth):
        level = [inner for container in level for inner in _containers(container)]
        if not level:
            return content
    raise _too_deep(depth)


def _containers(container: dict[str, Any] | list[Any]) -> list[Any]:
    items = container.values() if isinstance(container, dict) else container
    return [item for item in items if isinstance(item, dict | list)]


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number in JSON; null stands for a missing value")


def _too_deep(depth: int) -> Refusal:
    return Refusal(400, f"The JSON is nested more than {depth} levels deep.")
