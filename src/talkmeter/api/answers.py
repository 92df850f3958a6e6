"""Answers queries, with a cache of encoded answers that is bounded in bytes.

The ETag contains the organization's revision, which is read in the same snapshot as the answer, so a cached answer is
never stale.
"""

from threading import Lock
from typing import NamedTuple

import msgspec

from talkmeter.api.compression import Coding, Encoded, compress
from talkmeter.api.etag import Query, make_etag, matches
from talkmeter.api.fair_cache import FairCache
from talkmeter.billing.costs import Costs, read_costs
from talkmeter.billing.forecast_answer import Forecast, ForecastQuery, read_forecast
from talkmeter.billing.plans import read_plans_revision
from talkmeter.billing.priced_months import CostsQuery
from talkmeter.db.engine import Connection
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_answers import Breakdown
from talkmeter.usage.breakdown_query import BreakdownQuery
from talkmeter.usage.filtered_summary import AnySummary, read_any_summary
from talkmeter.usage.revision import Revision, read_revision
from talkmeter.usage.series import Series, SeriesQuery, read_series
from talkmeter.usage.subtree import with_members
from talkmeter.usage.summary import SummaryQuery


class Answer(NamedTuple):
    """An encoded answer; `encoded` is None if the caller has it already."""

    etag: str
    encoded: Encoded | None


class Answers:
    """A thread-safe cache of encoded answers."""

    def __init__(self, database_id: str, max_bytes: int) -> None:
        """Start empty. `database_id` makes the ETags of different databases different."""
        self._database_id = database_id
        self._cache = FairCache(max_bytes)
        self._lock = Lock()

    def answer(self, connection: Connection, query: Query, if_none_match: str, coding: Coding | None = None) -> Answer:
        """Return the answer in the connection's snapshot; without a body if `if_none_match` contains its ETag.

        `coding` is the compression that the client accepts.
        """
        if isinstance(query, SummaryQuery | BreakdownQuery):
            query, revision = with_members(connection, query)
        else:
            revision = read_revision(connection, query.org_id, query.present)
        plans_revision = read_plans_revision(connection) if isinstance(query, CostsQuery | ForecastQuery) else ""
        etag = make_etag(self._database_id, query, revision, coding, plans_revision)
        if matches(if_none_match, etag):
            return Answer(etag, None)
        with self._lock:
            encoded = self._cache.get(query.org_id, etag)
        if encoded is None:
            encoded = compress(msgspec.json.encode(_read(connection, query, revision, self._database_id)), coding)
            with self._lock:
                self._cache.put(query.org_id, etag, encoded)
        return Answer(etag, encoded)


def _read(
    connection: Connection, query: Query, revision: Revision, key: str
) -> AnySummary | Series | Breakdown | Costs | Forecast:
    match query:
        case SummaryQuery():
            return read_any_summary(connection, query, revision)
        case SeriesQuery():
            return read_series(connection, query)
        case CostsQuery():
            return read_costs(connection, query)
        case ForecastQuery():
            return read_forecast(connection, query)
        case BreakdownQuery():
            return read_breakdown(connection, query, revision, key=key)
