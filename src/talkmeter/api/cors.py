"""Pages of other sites that an operator lists may read /admin with a bearer token; never with a cookie.

Only listed origins hear anything of this. Requests that change something, and those that a cookie would authorize, stay
with the page of the service itself.
"""

from collections.abc import Collection
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

_REMEMBERED_SEC: Final = 600
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"Authorization, If-None-Match, X-Anyreach-Org"),
    (b"access-control-max-age", str(_REMEMBERED_SEC).encode()),
)


def allow_origins(app: ASGIApp, origins: Collection[str]) -> ASGIApp:
    """Wrap an application; without origins it stays as it is."""
    if not origins:
        return app
    listed = {origin.encode() for origin in origins}

    async def shared(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or not _is_shared(scope["path"]):
            await app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        allowed = [(b"vary", b"Origin")]
        if origin in listed:
            allowed += [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", b"ETag")]
        if scope["method"] == "OPTIONS" and origin in listed and b"access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": [*allowed, *_PREFLIGHT]})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return

        async def send_allowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *allowed]
            await send(message)

        await app(scope, receive, send_allowed)

    return shared


def _is_shared(path: str) -> bool:
    return path.startswith("/admin/") or path == "/openapi.json"
