"""A cache of encoded answers, keyed by ETag and bounded in bytes.

The ETag is recomputed for every request from the organization's revision, so a hit is never stale. A computed answer is
stored under the revision of the snapshot it was read in.
"""

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import msgspec
from cachetools import LRUCache

from talkmeter.api.etag import matches
from talkmeter.db.autocommit import AutocommitConnections
from talkmeter.db.engine import Connection, Engine, reading
from talkmeter.period import Present
from talkmeter.usage.revision import Revision, read_latest_revision, read_revision


class Query(NamedTuple):
    """One organization's question at one moment."""

    org_id: str
    present: Present
    etag: Callable[[Revision], str]
    """Return the ETag for a revision."""
    read: Callable[[Connection, Revision], object]
    """Read the answer in the snapshot of the revision."""


class AnswerCache:
    """A thread-safe LRU cache of answers."""

    def __init__(self, engine: Engine, autocommit: AutocommitConnections, max_bytes: int) -> None:
        self._engine = engine
        self._autocommit = autocommit
        self._cache: LRUCache[str, bytes] = LRUCache(max_bytes, getsizeof=len)
        self._lock = Lock()

    def answer(self, query: Query, if_none_match: str) -> tuple[str, bytes | None]:
        """Return (etag, body); body is None if `if_none_match` contains the ETag (304)."""
        etag = query.etag(read_latest_revision(self._autocommit, query.org_id, query.present))
        if matches(if_none_match, etag):
            return etag, None
        if (body := self._find(etag)) is not None:
            return etag, body
        with reading(self._engine) as connection:
            revision = read_revision(connection, query.org_id, query.present)
            body = msgspec.json.encode(query.read(connection, revision))
        # A write may have happened since the revision was read.
        etag = query.etag(revision)
        self._store(etag, body)
        return etag, body

    def _find(self, etag: str) -> bytes | None:
        with self._lock:
            return self._cache.get(etag)

    def _store(self, etag: str, body: bytes) -> None:
        """Store an answer, evicting the least recently used; skip it if it exceeds the cache."""
        if len(body) <= self._cache.maxsize:
            with self._lock:
                self._cache[etag] = body
