"""Applications with one constant response: a Litestar app, and a bare ASGI app without a framework."""

import os
from pathlib import Path
from typing import Final

from litestar import Litestar, Response, get
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

BODY_FILE_VARIABLE: Final = "BENCH_CONSTANT_BODY_FILE"
"""The environment variable with the path of the response body."""


def litestar_app() -> Litestar:
    """Return a Litestar app with one route."""
    content = _read_body()

    @get("/")
    async def respond() -> Response[bytes]:
        return Response(content=content, media_type="application/json")

    return Litestar([respond], openapi_config=None, logging_config=None)


def bare_app() -> ASGIApp:
    """Return an ASGI app without a framework."""
    content = _read_body()
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))],
    }
    body = {"type": "http.response.body", "body": content}

    async def respond(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await send(start)  # type: ignore[arg-type]  # constant ASGI messages
            await send(body)  # type: ignore[arg-type]

    return respond


def _read_body() -> bytes:
    return Path(os.environ[BODY_FILE_VARIABLE]).read_bytes()
