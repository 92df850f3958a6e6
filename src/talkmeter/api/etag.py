"""Conditional answers: the ETag of everything an answer depends on, and the headers that keep caches honest."""

from hashlib import sha256
from typing import Final

from talkmeter import __version__
from talkmeter.usage.revision import Revision

CACHE_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization, Cookie, X-Anyreach-Org",
}


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
    return '"' + sha256("\n".join(map(repr, parts)).encode()).hexdigest()[:32] + '"'


def matches(if_none_match: str, etag: str) -> bool:
    """Whether an If-None-Match header names this ETag (weakly compared, RFC 9110, section 13.1.2)."""
    named = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
    return etag in named or named == ["*"]
