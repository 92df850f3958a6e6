"""CORS: pages of the configured origins may read /admin with a bearer token, but never with a cookie.

Other origins get no CORS headers. Requests that change data or use a cookie are only possible from the service's own
page.
"""

from collections.abc import Collection
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_PREFLIGHT_CACHE_SEC: Final = 600
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"Authorization, If-None-Match, X-Anyreach-Org"),
    (b"access-control-max-age", str(_PREFLIGHT_CACHE_SEC).encode()),
)


def allow_origins(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Wrap an application with CORS headers; without origins, return it unchanged."""
    if not origins:
        return app
    listed = {origin.encode() for origin in origins}

    async def with_cors(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not _allows_cors(scope["path"]):
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        cors_headers = [(b"vary", b"Origin")]
        if origin in listed:
            cors_headers += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", b"ETag")]
        if scope["method"] == "OPTIONS" and origin in listed and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": [*cors_headers, *_PREFLIGHT]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *cors_headers]
            await send(message)

        await app(scope, receive, send_with_headers)

    return with_cors


def _allows_cors(path: str) -> bool:
    return path.startswith("/admin/") or path == "/openapi.json"
