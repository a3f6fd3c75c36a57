"""What surrounds every request: key, identifier, security headers, metrics and one line of log."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Mapping
from random import getrandbits
from typing import Any

from medley.serve.logs import log
from medley.serve.metrics import Metrics

_OPEN = frozenset({"/", "/health", "/v2/health/live", "/v2/health/ready"})
"""Paths that need no key: they show the names of models, and nothing that a model holds."""

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
)


class RequestFrame:
    """ASGI middleware around the routes.

    Args:
        app: the routes.
        metrics: of the server.
        api_key: that requests must carry, or None.
    """

    def __init__(self, app: Any, metrics: Metrics, api_key: str | None) -> None:
        self._app = app
        self._metrics = metrics
        # Digests have one length, so that comparing them does not reveal that of the key.
        self._key = None if api_key is None else _digest(api_key.encode())

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request, or passes on what is not one of HTTP."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        identifier = _identifier(headers)
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name for name, _ in message["headers"]}
                added = [*(pair for pair in _HEADERS if pair[0] not in present), (b"x-request-id", identifier.encode())]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        try:
            if self._is_allowed(scope["path"], headers):
                await self._app(scope, receive, send_with_headers)
            else:
                await _send_unauthorized(send_with_headers)
        except Exception as error:  # a defect: the client gets a sentence, the log the traceback
            log("request failed", level=logging.ERROR, error=error, request=identifier, path=scope["path"])
            await _send_json(send_with_headers, 500, {"error": "The server failed; its log says why.", "errors": []})
        self._record(scope, status, time.perf_counter() - started, identifier)

    def _is_allowed(self, path: str, headers: Mapping[bytes, bytes]) -> bool:
        if self._key is None or path in _OPEN:
            return True
        scheme, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        key = bearer.strip() if scheme.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        return hmac.compare_digest(_digest(key), self._key)

    def _record(self, scope: Any, status: int, seconds: float, identifier: str) -> None:
        route = getattr(scope.get("route"), "path", "other")  # not the path itself: anyone could make up millions
        state = scope.get("state", {})
        model = state.get("model", "")
        self._metrics.requests.labels(route, model, str(status)).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        log(
            "request",
            request=identifier,
            method=scope["method"],
            route=route,
            status=status,
            model=model,
            rows=state.get("rows", 0),
            milliseconds=round(1000 * seconds, 2),
        )


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()


def _identifier(headers: Mapping[bytes, bytes]) -> str:
    """The client's identifier of the request, if it is a plain one, else a new one."""
    sent = headers.get(b"x-request-id", b"").decode("latin-1")
    return sent if 0 < len(sent) <= 64 and all(c.isalnum() or c in "-_." for c in sent) else f"{getrandbits(64):016x}"


async def _send_unauthorized(send: Any) -> None:
    message = "This server needs a key: send the header Authorization: Bearer KEY."
    await _send_json(send, 401, {"error": message, "errors": []}, ((b"www-authenticate", b"Bearer"),))


async def _send_json(send: Any, status: int, content: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    body = json.dumps(content).encode()
    start = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
