"""What surrounds every request, errors included: security headers, HEAD, its time in the metrics, a debug line."""

import sys
from typing import Final

import structlog
from litestar.enums import HttpMethod, ScopeType
from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    Message,
    Receive,
    Scope,
    Send,
    WebSocketReceiveMessage,
)

from talkmeter import clock, metrics

_SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_log = structlog.get_logger()
_Received = HTTPReceiveMessage | WebSocketReceiveMessage


def surround(app: ASGIApp) -> ASGIApp:
    """Wrap an application; HEAD is a GET whose body is not sent.

    Logs are configured before.
    """
    log = _log.bind()

    async def surrounded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await _start_and_stop(app, scope, receive, send)
            return
        started = clock.monotonic()
        status = 0
        method = scope["method"] if scope["method"] in _METHODS else "other"
        without_body = method == "HEAD"
        if without_body:
            scope["method"] = HttpMethod.GET

        body_has_ended = method not in _METHODS_WITH_BODY

        async def receive_and_watch() -> _Received:
            nonlocal body_has_ended
            message = await receive()
            if message["type"] == "http.request":
                body_has_ended = not message["more_body"]
            return message

        has_ended = False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, has_ended
            if message["type"] == "http.response.start":
                status = message["status"]
                # Where the rest of the body is never read, the connection cannot be used again.
                ends = () if body_has_ended else ((b"connection", b"close"),)
                message["headers"] = [*message["headers"], *_SECURITY_HEADERS, *ends]
            elif without_body:
                # A body that comes in many parts is left out once.
                if has_ended:
                    return
                has_ended = True
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        try:
            await app(scope, receive_and_watch, send_with_headers)
        finally:
            took = clock.monotonic() - started
            route = scope.get("path_template") or "unknown"
            metrics.request_seconds(method, route, status).observe(took)
            log.debug("request", method=method, route=route, status=status, milliseconds=round(took * 1000, 2))

    return surrounded


async def _start_and_stop(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """What comes before all requests and after them; where its end fails the process ends with 1.

    The server itself only logs that, and ends the process with 0.
    """
    failed = False

    async def send_and_look(message: Message) -> None:
        nonlocal failed
        failed = str(message["type"]) == "lifespan.shutdown.failed"
        await send(message)

    try:
        await app(scope, receive, send_and_look)
    finally:
        if failed:
            _log.error("closing failed; not everything may be on disk")
            sys.exit(1)
