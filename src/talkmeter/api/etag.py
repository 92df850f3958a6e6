"""ETags and conditional responses (304) with their cache headers."""

from hashlib import sha256
from typing import Final

from litestar.types import ASGIApp, Receive, Scope, Send

from talkmeter import __version__
from talkmeter.usage.revision import Revision

_CACHE_HEADERS: Final = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Cookie, X-Anyreach-Org"),
)


def make_etag(database_id: str, org_id: str, revision: Revision, route: str, *query: object) -> str:
    """Return a strong ETag of the database, organization, revision, route, resolved query and program version."""
    parts = (
        database_id,
        org_id,
        revision.revision,
        revision.last_event_at,
        revision.newest_stale,
        route,
        *query,
        __version__,
    )
    return '"' + sha256(repr(parts).encode()).hexdigest()[:32] + '"'


def matches(if_none_match: str, etag: str) -> bool:
    """Check whether an If-None-Match header contains the ETag (weak comparison, RFC 9110, section 13.1.2)."""
    etags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in etags or etags == ["*"]


def json_response(body: bytes, etag: str | None = None) -> ASGIApp:
    """Return a 200 response with encoded JSON, private to the caller; an ETag allows revalidation.

    This bypasses Litestar's Response: its rendering, cookies and headers take longer than a cached answer.
    """
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *_CACHE_HEADERS]
    return _response(200, headers if etag is None else [*headers, (b"etag", etag.encode())], body)


def not_modified(etag: str) -> ASGIApp:
    """Return a 304 response."""
    return _response(304, [*_CACHE_HEADERS, (b"etag", etag.encode())], b"")


def _response(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> ASGIApp:
    async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return respond
