"""Servers that know one answer: Litestar, and Granian with nothing between it and the bytes."""

import os
from pathlib import Path
from typing import Final

from litestar import Litestar, Response, get
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

BYTES: Final = "BENCH_CONSTANT_BYTES"
"""The variable that names the file with the answer."""


def litestar_app() -> Litestar:
    """One route, with the application's own way to answer in bytes."""
    content = _content()

    @get("/")
    async def answer() -> Response[bytes]:
        return Response(content=content, media_type="application/json")

    return Litestar([answer], openapi_config=None, logging_config=None)


def bare_app() -> ASGIApp:
    """The least that an ASGI server can be given."""
    content = _content()
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))],
    }
    body = {"type": "http.response.body", "body": content}

    async def answer(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await send(start)  # type: ignore[arg-type]  # the messages are fixed
            await send(body)  # type: ignore[arg-type]

    return answer


def _content() -> bytes:
    return Path(os.environ[BYTES]).read_bytes()
