"""A breakdown with a filter reads the records of its window, so it refuses windows with too many."""

import pytest

from talkmeter.db.engine import reading
from talkmeter.errors import Unprocessable
from talkmeter.period import read_window
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_query import BreakdownOptions, breakdown_query
from talkmeter.usage.filtered import ValueFilter
from talkmeter.usage.revision import read_revision
from tests.events import conversation
from tests.store.ledger import NOW, ORG, FileLedger

OPTIONS = BreakdownOptions("number", "calls", filter=ValueFilter("agent", "ann"))
DAY = read_window("2026-03-01", "2026-03-02", NOW.now)


def rows(ledger: FileLedger, options: BreakdownOptions) -> int:
    with reading(ledger.engine) as connection:
        query = breakdown_query(ORG, DAY, NOW, options)
        return len(read_breakdown(connection, query, read_revision(connection, ORG, NOW), key="test").rows)


def test_filtered_breakdown_of_more_than_200_000_calls_is_rejected(file_ledger: FileLedger) -> None:
    file_ledger.send(conversation("call-1", agent_id="ann"))
    with file_ledger.raw_connection() as connection:
        connection.execute("UPDATE usage_daily SET calls = 200000 WHERE dimension = 'total'")
    assert rows(file_ledger, OPTIONS) == 1

    with file_ledger.raw_connection() as connection:
        connection.execute("UPDATE usage_daily SET calls = 200001 WHERE dimension = 'total'")
    with pytest.raises(Unprocessable, match=r"reads at most 200,000 calls, .* has more; choose a shorter range"):
        rows(file_ledger, OPTIONS)
    assert rows(file_ledger, OPTIONS._replace(filter=None)) == 1
