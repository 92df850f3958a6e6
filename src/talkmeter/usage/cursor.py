"""Cursors of paged lists, signed for one query of one organization.

A cursor holds the last position of its page, and the organization's revision at the first page, so that a later page
can report that the data has changed since. It is signed with the database's id, which no response contains; the salt
is the query, so a cursor is valid for that query only.
"""

from hashlib import sha256
from typing import Final, NamedTuple

from itsdangerous import BadData, URLSafeSerializer

from talkmeter.errors import Unprocessable

MAX_LENGTH: Final = 1_000
_INVALID: Final = (
    "'cursor' does not belong to this query: send the next_cursor of the previous page and leave the other parameters "
    "unchanged; without 'from' and 'to' the window changes at midnight (UTC)."
)


class Position(NamedTuple):
    """Where a page ended, and what all pages of its list share."""

    sort_key: int
    """What the list is sorted by: the time of a record, or a figure."""

    id: str
    revision: str
    """The organization's revision at the first page."""

    stale_before: int = 0
    """Live conversations whose state is older than this are stale, on every page."""


def write_cursor(position: Position, key: str, query: tuple[object, ...]) -> str:
    """Return the cursor of the next page; `key` is the database's id, `query` everything the list depends on."""
    return _serializer(key, query).dumps(position)


def read_cursor(text: str, key: str, query: tuple[object, ...]) -> Position:
    """Return the position in a cursor. Raises Unprocessable if the cursor was not written for this query."""
    if len(text) > MAX_LENGTH or not text.isascii():
        raise Unprocessable(_INVALID)
    serializer = _serializer(key, query)
    try:
        position = Position(*serializer.loads(text))
    except BadData:
        raise Unprocessable(_INVALID) from None
    # Several base64 strings decode to the same signature; accept only the canonical one.
    if serializer.dumps(position) != text:
        raise Unprocessable(_INVALID)
    return position


def _serializer(key: str, query: tuple[object, ...]) -> URLSafeSerializer:
    return URLSafeSerializer(
        key, salt=repr(query).encode(), signer_kwargs={"key_derivation": "hmac", "digest_method": sha256}
    )
