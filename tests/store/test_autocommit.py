"""Revisions read over autocommit connections: always the committed one, even after connections were cut."""

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
READS = 200


@pytest.fixture
def connections(ledger: Ledger) -> Iterator[AutocommitConnections]:
    """Autocommit connections to a ledger."""
    connections = AutocommitConnections(ledger.engine)
    yield connections
    connections.close()


def test_acknowledged_write_is_visible_at_once(ledger: Ledger, connections: AutocommitConnections) -> None:
    seen = [read_latest_revision(connections, ORG, NOW)]
    assert seen == [Revision("", None)]
    for number in range(10):
        ledger.send(conversation(f"call-{number}", status="in_progress"))
        seen.append(read_latest_revision(connections, ORG, NOW))
        assert seen[-1] == ledger.revision()
    assert len({revision.revision for revision in seen}) == 11
    assert seen[-1].newest_stale is not None


def test_concurrent_threads_read_the_same_revision(ledger: Ledger, connections: AutocommitConnections) -> None:
    ledger.send(conversation("call-1"))
    with ThreadPoolExecutor(THREADS) as threads:
        seen = list(threads.map(lambda _: read_latest_revision(connections, ORG, NOW), range(READS)))
    assert set(seen) == {ledger.revision()}


def test_missing_table_is_an_error_and_the_next_read_works_again(
    ledger: Ledger, connections: AutocommitConnections
) -> None:
    ledger.send(conversation("call-1"))
    before = read_latest_revision(connections, ORG, NOW)
    ledger.execute("ALTER TABLE organization RENAME TO renamed")
    try:
        with pytest.raises(DatabaseUnavailable, match=r"The database is unavailable: .*organization"):
            read_latest_revision(connections, ORG, NOW)
    finally:
        ledger.execute("ALTER TABLE renamed RENAME TO organization")
    assert read_latest_revision(connections, ORG, NOW) == before


def test_idle_connections_that_were_cut_are_replaced(server_ledger: Ledger) -> None:
    server_ledger.send(conversation("call-1"))
    connections = AutocommitConnections(server_ledger.engine)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: read_latest_revision(connections, ORG, NOW), range(READS)))
    with psycopg.connect(server_ledger.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert read_latest_revision(connections, ORG, NOW) == server_ledger.revision()
    connections.close()


def test_statement_error_keeps_the_connection_and_is_not_retried(server_ledger: Ledger) -> None:
    connections = AutocommitConnections(server_ledger.engine)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(lambda _: read_latest_revision(connections, ORG, NOW), range(READS)))
    before = backends(server_ledger)
    server_ledger.execute("ALTER TABLE organization RENAME TO renamed")
    try:
        for _ in range(2 * THREADS):
            with pytest.raises(DatabaseUnavailable, match="The database is unavailable"):
                read_latest_revision(connections, ORG, NOW)
    finally:
        server_ledger.execute("ALTER TABLE renamed RENAME TO organization")
    assert backends(server_ledger) >= before
    connections.close()


def backends(ledger: Ledger) -> set[tuple[object, ...]]:
    """Return the server processes of a ledger's connections."""
    with psycopg.connect(ledger.url) as admin:
        result = admin.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'talkmeter'"
        )
        return set(result.fetchall())


def test_read_leaves_no_transaction_open(server_ledger: Ledger) -> None:
    connections = AutocommitConnections(server_ledger.engine)
    read_latest_revision(connections, ORG, NOW)
    with psycopg.connect(server_ledger.url) as admin:
        states = admin.execute(
            "SELECT state, count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'talkmeter' GROUP BY state"
        ).fetchall()
    assert [state for state, _ in states] == ["idle"]
    connections.close()
