"""Cursors: where a page of a list ended, sealed so that they fit the query and organization they were given for.

A cursor is a place in the order of the list and the revision of the first page, so that a later page can say that
something has changed since. The seal is an HMAC under the database's id, which no answer tells.
"""

import base64
import hmac
from typing import Final

import msgspec

from talkmeter.errors import Unprocessable

_SEAL_BYTES: Final = 16
_LONGEST: Final = 1_000
_WRONG: Final = (
    "'cursor' does not belong to this query: send the next_cursor of its page before, and all else as it was; "
    "without 'from' and 'to' the window changes at midnight (UTC)."
)


class Place(msgspec.Struct, frozen=True, array_like=True):
    """The last record of a page; of the first page the organization's revision, and what was stale then."""

    created_at: int
    id: str
    revision: str
    stale_before: int = 0


_decoder: Final = msgspec.msgpack.Decoder(Place)


def write_cursor(place: Place, key: str, query: tuple[object, ...]) -> str:
    """A cursor for the page after a place; `key` is the database's id, `query` all that the list depends on."""
    content = msgspec.msgpack.encode(place)
    return _encode(_seal(content, key, query) + content)


def read_cursor(text: str, key: str, query: tuple[object, ...]) -> Place:
    """The place of a cursor. Unprocessable where it was not written for this query."""
    raw = _decode(text)
    content = raw[_SEAL_BYTES:]
    if not hmac.compare_digest(raw[:_SEAL_BYTES], _seal(content, key, query)):
        raise Unprocessable(_WRONG)
    return _decoder.decode(content)


def _decode(text: str) -> bytes:
    """The bytes of a cursor; none where the text is too long or not base64."""
    try:
        padded = text + "=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True) if len(text) <= _LONGEST else b""
    except ValueError:
        return b""
    # The same bytes can be written in more than one way; one of them is the cursor.
    return raw if _encode(raw) == text else b""


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _seal(content: bytes, key: str, query: tuple[object, ...]) -> bytes:
    return hmac.digest(key.encode(), repr(query).encode() + b"\n" + content, "sha256")[:_SEAL_BYTES]
