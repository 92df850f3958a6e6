"""What answers depend on, asked outside of transactions: always what is committed, over connections that may be cut."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from talkmeter.db.autocommit import AutocommitConnections
from talkmeter.errors import DatabaseUnavailable
from talkmeter.usage.revision import Revision, read_latest_revision
from tests.events import conversation
from tests.store.ledger import NOW, ORG, Ledger

THREADS = 8
PEEKS = 200


@pytest.fixture
def peeks(ledger: Ledger) -> Iterator[AutocommitConnections]:
    """AutocommitConnections into a ledger."""
    peeks = AutocommitConnections(ledger.engine)
    yield peeks
    peeks.close()


def test_a_peek_sees_each_write_as_soon_as_it_is_acknowledged(ledger: Ledger, peeks: AutocommitConnections) -> None:
    seen = [read_latest_revision(peeks, ORG, NOW)]
    assert seen == [Revision("", None)]
    for number in range(10):
        ledger.tell(conversation(f"call-{number}", status="in_progress"))
        seen.append(read_latest_revision(peeks, ORG, NOW))
        assert seen[-1] == ledger.revision()
    assert len({one.revision for one in seen}) == 11
    assert seen[-1].newest_stale is not None


def test_threads_that_peek_at_once_see_the_same(ledger: Ledger, peeks: AutocommitConnections) -> None:
    ledger.tell(conversation("call-1"))
    with ThreadPoolExecutor(THREADS) as threads:
        seen = list(threads.map(lambda _: read_latest_revision(peeks, ORG, NOW), range(PEEKS)))
    assert set(seen) == {ledger.revision()}


def test_a_peek_into_a_database_without_tables_is_told_and_the_next_one_is_answered(
    ledger: Ledger, peeks: AutocommitConnections
) -> None:
    ledger.tell(conversation("call-1"))
    before = read_latest_revision(peeks, ORG, NOW)
    ledger.change("ALTER TABLE organization RENAME TO elsewhere")
    try:
        with pytest.raises(DatabaseUnavailable, match=r"The database is unavailable: .*organization"):
            read_latest_revision(peeks, ORG, NOW)
    finally:
        ledger.change("ALTER TABLE elsewhere RENAME TO organization")
    assert read_latest_revision(peeks, ORG, NOW) == before


def test_connections_that_were_cut_while_nobody_used_them_are_replaced(server_ledger: Ledger) -> None:
    server_ledger.tell(conversation("call-1"))
    peeks = AutocommitConnections(server_ledger.engine)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: read_latest_revision(peeks, ORG, NOW), range(PEEKS)))
    with psycopg.connect(server_ledger.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert read_latest_revision(peeks, ORG, NOW) == server_ledger.revision()
    peeks.close()


def test_an_error_of_the_statement_keeps_the_connection_and_is_not_tried_again(server_ledger: Ledger) -> None:
    peeks = AutocommitConnections(server_ledger.engine)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: read_latest_revision(peeks, ORG, NOW), range(PEEKS)))
    before = backends(server_ledger)
    server_ledger.change("ALTER TABLE organization RENAME TO elsewhere")
    try:
        for _ in range(2 * THREADS):
            with pytest.raises(DatabaseUnavailable, match="The database is unavailable"):
                read_latest_revision(peeks, ORG, NOW)
    finally:
        server_ledger.change("ALTER TABLE elsewhere RENAME TO organization")
    assert backends(server_ledger) >= before
    peeks.close()


def backends(ledger: Ledger) -> set[tuple[object, ...]]:
    """The processes that serve the connections of a ledger."""
    with psycopg.connect(ledger.url) as admin:
        found = admin.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'talkmeter'"
        )
        return set(found.fetchall())


def test_a_peek_leaves_no_transaction_open(server_ledger: Ledger) -> None:
    peeks = AutocommitConnections(server_ledger.engine)
    read_latest_revision(peeks, ORG, NOW)
    with psycopg.connect(server_ledger.url) as admin:
        states = admin.execute(
            "SELECT state, count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'talkmeter' GROUP BY state"
        ).fetchall()
    assert [state for state, _ in states] == ["idle"]
    peeks.close()
