"""Middleware for every request: security headers, HEAD, metrics and a debug log line."""

import asyncio
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


class _SharedReceive:
    """Receives messages for several tasks: one that stops waiting leaves the message to the next one.

    A query and the response of a download both listen for a disconnect. The server loses a message, and reports a
    disconnect, if a task is cancelled while it receives.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._pending: asyncio.Future[_Received] | None = None

    async def next_message(self) -> _Received:
        """Return the next message."""
        if self._pending is None or self._pending.done():
            self._pending = asyncio.ensure_future(self._receive())
        return await asyncio.shield(self._pending)

    def close(self) -> None:
        """Stop receiving."""
        if self._pending is not None:
            self._pending.cancel()


class _HeadSend:
    """Sends the response to HEAD: without the body, and after it, because then its file is closed."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def send(self, message: Message) -> None:
        """Keep the start of the response until the body ends."""
        if message["type"] == "http.response.start":
            self._start = message
        elif self._start is not None and not message.get("more_body"):
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def add_middleware(app: ASGIApp) -> ASGIApp:
    """Wrap an application. A HEAD request runs as GET, but no body is sent.

    Configure logging before calling this.
    """
    log = _log.bind()

    async def with_middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await _run_lifespan(app, scope, receive, send)
            return
        started = clock.monotonic()
        status = 0
        method = scope["method"] if scope["method"] in _METHODS else "other"
        is_head = method == "HEAD"
        if is_head:
            scope["method"] = HttpMethod.GET

        body_received = method not in _METHODS_WITH_BODY
        shared = _SharedReceive(receive)

        async def receive_and_track() -> _Received:
            nonlocal body_received
            message = await (receive() if method in _METHODS_WITH_BODY else shared.next_message())
            if message["type"] == "http.request":
                body_received = not message["more_body"]
            return message

        send = _HeadSend(send).send if is_head else send

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # A connection with an unread request body cannot be reused.
                close = () if body_received else ((b"connection", b"close"),)
                message["headers"] = [*message["headers"], *_SECURITY_HEADERS, *close]
            await send(message)

        try:
            await app(scope, receive_and_track, send_with_headers)
        finally:
            shared.close()
            took = clock.monotonic() - started
            route = scope.get("path_template") or "unknown"
            metrics.request_seconds(method, route, status).observe(took)
            log.debug("request", method=method, route=route, status=status, milliseconds=round(took * 1000, 2))

    return with_middleware


async def _run_lifespan(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run startup and shutdown; exit the process with 1 if shutdown fails.

    Granian only logs such a failure, and exits with 0.
    """
    failed = False

    async def send_and_track(message: Message) -> None:
        nonlocal failed
        failed = str(message["type"]) == "lifespan.shutdown.failed"
        await send(message)

    try:
        await app(scope, receive, send_and_track)
    finally:
        if failed:
            _log.error("shutdown failed; accepted events may be missing on disk")
            sys.exit(1)
