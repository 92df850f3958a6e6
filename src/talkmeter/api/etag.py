"""Conditional answers: the ETag of everything an answer depends on, and the headers that keep caches honest."""

from hashlib import sha256
from typing import Final

from litestar.types import ASGIApp, Receive, Scope, Send

from talkmeter import __version__
from talkmeter.usage.revision import Revision

_CACHED: Final = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization, Cookie, X-Anyreach-Org"),
)


def make_etag(database_id: str, org_id: str, revision: Revision, route: str, *query: object) -> str:
    """A strong ETag: database, organization, its revision and last event, route, resolved query, program version."""
    parts = (
        database_id,
        org_id,
        revision.revision,
        revision.last_event_at,
        revision.newest_silent,
        route,
        *query,
        __version__,
    )
    return '"' + sha256(repr(parts).encode()).hexdigest()[:32] + '"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match header names this ETag (weakly compared, RFC 9110, section 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in named or named == ["*"]


def encoded(answer: bytes, etag: str | None = None) -> ASGIApp:
    """What sends an answer in JSON, which caches keep for who asked; with an ETag they may ask whether it still holds.

    No Response of Litestar's: rendering, cookies and its own headers take longer than all that is looked up here.
    """
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode()), *_CACHED]
    return _sending(200, headers if etag is None else [*headers, (b"etag", etag.encode())], answer)


def unchanged(etag: str) -> ASGIApp:
    """What says that the answer at hand still holds."""
    return _sending(304, [*_CACHED, (b"etag", etag.encode())], b"")


def _sending(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> ASGIApp:
    async def send_it(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return send_it
