"""Text is sorted in byte order, as in Python, whatever the collation of the database.

Cursors, merged ranges and ordered locks depend on it: in another order, pages would skip rows and writers deadlock.
"""

from collections.abc import Iterator

from sqlalchemy import Text

from talkmeter.db.engine import reading, writing
from talkmeter.db.tables import Key, metadata
from talkmeter.ledger.history import START, records_with_history
from talkmeter.ledger.organizations import add_organization, list_organizations
from talkmeter.period import read_window
from talkmeter.records import Kind, RecordKey
from talkmeter.usage.breakdown import read_breakdown
from talkmeter.usage.breakdown_answers import CallBreakdown
from talkmeter.usage.breakdown_query import BreakdownOptions, breakdown_query
from talkmeter.usage.filters import Filter
from talkmeter.usage.inventory import ItemFilter, read_items
from talkmeter.usage.records import read_records
from talkmeter.usage.revision import read_revision
from tests.events import conversation, event
from tests.store.ledger import NOW, ORG, Ledger

IDS = ["a", "B", "b", "A", "Z", "z", "_", "-1", "10", "9", "~", "a b", "ab", "ä", "é", "e", "ß", "ss", "Ω", "😀"]
"""Collations of languages sort a before B, é next to e, and ignore punctuation; byte order does not."""
MARCH = read_window("2026-03-01", "2026-04-01", 0)


def test_test_databases_do_not_sort_in_byte_order_by_default(server_ledger: Ledger) -> None:
    """Otherwise these tests would pass without the collation of the columns."""
    ((provider, collate, ctype),) = server_ledger.rows(
        "SELECT datlocprovider::text, datcollate, datctype FROM pg_database WHERE datname = current_database()"
    )

    assert provider != "c" or not {collate, ctype} & {"C", "POSIX"}


def test_only_text_in_byte_order_is_used_in_keys_and_indexes(server_ledger: Ledger) -> None:
    found = server_ledger.rows(
        "SELECT c.relname, a.attname, o.collname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
        "JOIN pg_collation o ON o.oid = a.attcollation "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped"
    )
    texts = [column for table in metadata.sorted_tables for column in table.columns if isinstance(column.type, Text)]
    keys = {(column.table.name, column.name) for column in texts if column.type is Key}
    expected = {(column.table.name, column.name): "C" if column.type is Key else "default" for column in texts}

    assert len(keys) > 40
    assert {(table, column): collation for table, column, collation in found if (table, column) in expected} == expected
    for table in metadata.sorted_tables:
        ordered = [*table.primary_key.columns, *(column for index in table.indexes for column in index.columns)]
        assert {(table.name, column.name) for column in ordered if isinstance(column.type, Text)} <= keys


def test_lists_are_in_byte_order_and_their_pages_are_complete(ledger: Ledger) -> None:
    ledger.send(
        *(conversation(id_, agent_id=id_) for id_ in IDS), *(event("agent.updated", {"id": id_}) for id_ in IDS)
    )

    assert [id_ for page in pages_of_records(ledger) for id_ in page] == sorted(IDS, reverse=True)
    assert [id_ for page in pages_of_items(ledger) for id_ in page] == sorted(IDS)
    with reading(ledger.engine) as connection:
        query = breakdown_query(ORG, MARCH, NOW, BreakdownOptions("agent", "calls"))
        breakdown = read_breakdown(connection, query, read_revision(connection, ORG, NOW), key="test")
    assert isinstance(breakdown, CallBreakdown)
    assert [row.value for row in breakdown.rows] == sorted(IDS)


def pages_of_records(ledger: Ledger) -> Iterator[list[str]]:
    cursor = None
    with reading(ledger.engine) as connection:
        revision = read_revision(connection, ORG, NOW)
        while True:
            calls = Filter(Kind.CONVERSATION)
            page = read_records(connection, ORG, MARCH, calls, revision, NOW, key="tests", limit=4, cursor=cursor)
            yield [record.id for record in page.records]
            cursor = page.next_cursor
            if cursor is None:
                return


def pages_of_items(ledger: Ledger) -> Iterator[list[str]]:
    cursor = None
    with reading(ledger.engine) as connection:
        revision = read_revision(connection, ORG, NOW)
        while True:
            page = read_items(connection, ORG, ItemFilter(Kind.AGENT), revision, key="tests", limit=4, cursor=cursor)
            yield [item.id for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return


def test_records_with_history_are_read_in_byte_order(ledger: Ledger) -> None:
    ledger.send(*(conversation(id_) for id_ in IDS), *(event("agent.updated", {"id": id_}) for id_ in IDS))
    keys: list[RecordKey] = []
    after = START
    with reading(ledger.engine) as connection:
        while step := records_with_history(connection, ORG, after, limit=5):
            keys += step.keys
            after = step.last

    assert keys == [RecordKey(kind, id_) for kind in (Kind.AGENT, Kind.CONVERSATION) for id_ in sorted(IDS)]


def test_organizations_are_listed_in_byte_order(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        for org_id in IDS:
            add_organization(connection, org_id, None, 0)
    with reading(ledger.engine) as connection:
        assert [organization.org_id for organization in list_organizations(connection)] == sorted(IDS)
