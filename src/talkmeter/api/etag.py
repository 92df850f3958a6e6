"""ETags and conditional responses (304) with their cache headers."""

from hashlib import sha256
from typing import Final

from litestar import Response

from talkmeter import __version__
from talkmeter.api.compression import Coding, Encoded
from talkmeter.usage.breakdown_query import BreakdownQuery
from talkmeter.usage.revision import Revision
from talkmeter.usage.series import SeriesQuery
from talkmeter.usage.summary import SummaryQuery

Query = SummaryQuery | SeriesQuery | BreakdownQuery
_CACHE_HEADERS: Final = {
    "Cache-Control": "private, no-cache",
    "Vary": "Authorization, Cookie, X-Anyreach-Org, Accept-Encoding",
}


def make_etag(database_id: str, query: Query, revision: Revision, coding: Coding | None = None) -> str:
    """Return a strong ETag of the database, query, revision, program version and the coding that the client accepts.

    A strong ETag names the exact bytes, so answers that are compressed differently have different ones.
    """
    parts = (database_id, query.org_id, query.identity, revision, __version__, coding)
    return '"' + sha256(repr(parts).encode()).hexdigest()[:32] + '"'


def matches(if_none_match: str, etag: str) -> bool:
    """Check whether an If-None-Match header contains the ETag (weak comparison, RFC 9110, section 13.1.2)."""
    etags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return etag in etags or etags == ["*"]


def json_response(answer: Encoded, etag: str | None = None) -> Response[bytes]:
    """Return a 200 response with encoded JSON, private to the caller; an ETag allows revalidation."""
    headers = {**_CACHE_HEADERS}
    if etag is not None:
        headers["ETag"] = etag
    if answer.coding is not None:
        headers["Content-Encoding"] = answer.coding
    return Response(answer.body, media_type="application/json", headers=headers)


def not_modified(etag: str) -> Response[bytes]:
    """Return a 304 response."""
    return Response(b"", status_code=304, headers={**_CACHE_HEADERS, "ETag": etag})
