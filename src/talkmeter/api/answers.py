"""Answers queries, with a cache of encoded answers that is bounded in bytes.

The ETag contains the organization's revision, which is read in the same snapshot as the answer, so a cached answer is
never stale.
"""

from threading import Lock
from typing import NamedTuple

import msgspec
from cachetools import LRUCache

from talkmeter.api.compression import Coding, Encoded, compress
from talkmeter.api.etag import Query, make_etag, matches
from talkmeter.db.engine import Connection
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_answers import Breakdown
from talkmeter.usage.filtered_summary import AnySummary, read_any_summary
from talkmeter.usage.revision import Revision, read_revision
from talkmeter.usage.series import Series, SeriesQuery, read_series
from talkmeter.usage.summary import SummaryQuery


class Answer(NamedTuple):
    """An encoded answer; `encoded` is None if the caller has it already."""

    etag: str
    encoded: Encoded | None


class Answers:
    """A thread-safe LRU cache of encoded answers."""

    def __init__(self, database_id: str, max_bytes: int) -> None:
        """Start empty. `database_id` makes the ETags of different databases different."""
        self._database_id = database_id
        self._cache: LRUCache[str, Encoded] = LRUCache(max_bytes, getsizeof=lambda encoded: len(encoded.body))
        self._lock = Lock()

    def answer(self, connection: Connection, query: Query, if_none_match: str, coding: Coding | None = None) -> Answer:
        """Return the answer in the connection's snapshot; without a body if `if_none_match` contains its ETag.

        `coding` is the compression that the client accepts.
        """
        revision = read_revision(connection, query.org_id, query.present)
        etag = make_etag(self._database_id, query, revision, coding)
        if matches(if_none_match, etag):
            return Answer(etag, None)
        with self._lock:
            encoded = self._cache.get(etag)
        if encoded is None:
            encoded = compress(msgspec.json.encode(_read(connection, query, revision, self._database_id)), coding)
            self._store(etag, encoded)
        return Answer(etag, encoded)

    def _store(self, etag: str, encoded: Encoded) -> None:
        """Store an answer, evicting the least recently used; skip it if it exceeds the cache."""
        if len(encoded.body) <= self._cache.maxsize:
            with self._lock:
                self._cache[etag] = encoded


def _read(connection: Connection, query: Query, revision: Revision, key: str) -> AnySummary | Series | Breakdown:
    if isinstance(query, SummaryQuery):
        return read_any_summary(connection, query, revision)
    if isinstance(query, SeriesQuery):
        return read_series(connection, query)
    return read_breakdown(connection, query, revision, key=key)
