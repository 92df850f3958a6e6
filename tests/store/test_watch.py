"""Time limits of transactions, and transactions that another thread ends."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text

from talkmeter.db.engine import Connection, Engine, reading, writing
from talkmeter.db.watch import Watch
from talkmeter.errors import TimedOut
from tests.citus_plugin import TEST_STATEMENT
from tests.store.ledger import Ledger

SLOW = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}
SENTENCE = "This took too long; retry shortly."
MAX_SEC = 20
"""Less than the slow statements take."""


def run_slow_statement(connection: Connection) -> None:
    connection.execute(text(SLOW[connection.dialect.name]), execution_options=TEST_STATEMENT)


def calls_of(ledger: Ledger) -> int:
    (row,) = ledger.rows("SELECT count(*) FROM conversation WHERE org_id = 'acme'")
    return int(row[0])


@pytest.mark.parametrize("open_transaction", [reading, writing], ids=["read", "write"])
def test_a_transaction_ends_at_its_time_limit(
    ledger: Ledger, open_transaction: Callable[[Engine, Watch], AbstractContextManager[Connection]]
) -> None:
    began = time.monotonic()

    with pytest.raises(TimedOut, match=SENTENCE), open_transaction(ledger.engine, Watch(0.2, SENTENCE)) as connection:
        run_slow_statement(connection)

    assert time.monotonic() - began < MAX_SEC
    assert calls_of(ledger) == 0


def test_another_thread_can_end_a_transaction(ledger: Ledger) -> None:
    watch = Watch(MAX_SEC, SENTENCE)
    began = time.monotonic()
    threading.Timer(0.5, watch.interrupt).start()

    with pytest.raises(TimedOut), reading(ledger.engine, watch) as connection:
        run_slow_statement(connection)

    assert time.monotonic() - began < MAX_SEC


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_transaction_ended_between_two_statements_does_not_run_the_next_one(ledger: Ledger) -> None:
    """SQLite ignores an interrupt while no statement runs."""
    watch = Watch(2 * MAX_SEC, SENTENCE)
    began = time.monotonic()

    def run_two_statements(connection: Connection) -> None:
        connection.execute(text("SELECT 1"))
        watch.interrupt()
        run_slow_statement(connection)

    with pytest.raises(TimedOut), reading(ledger.engine, watch) as connection:
        run_two_statements(connection)

    assert time.monotonic() - began < MAX_SEC


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_a_query_ended_while_it_returns_rows_has_the_same_error(ledger: Ledger) -> None:
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i % 1000 = 1"

    with pytest.raises(TimedOut, match=SENTENCE), reading(ledger.engine, Watch(0.3, SENTENCE)) as connection:
        connection.exec_driver_sql(rows, execution_options=TEST_STATEMENT).cursor.fetchall()


def test_a_transaction_that_was_ended_before_its_start_does_not_start(ledger: Ledger) -> None:
    watch = Watch(MAX_SEC, SENTENCE)
    watch.interrupt()

    with pytest.raises(TimedOut), reading(ledger.engine, watch):
        raise AssertionError("started")


def test_a_transaction_within_its_time_limit_is_not_disturbed(ledger: Ledger) -> None:
    watch = Watch(0.2, SENTENCE)
    with reading(ledger.engine, watch):
        assert calls_of(ledger) == 0
    watch.interrupt()

    assert calls_of(ledger) == 0


@pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)
def test_postgresql_stops_a_query_whose_client_has_gone(ledger: Ledger) -> None:
    with pytest.raises(TimedOut), reading(ledger.engine, Watch(0.2, SENTENCE)) as connection:
        run_slow_statement(connection)

    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"
    deadline = time.monotonic() + MAX_SEC
    while ledger.rows(running) != [(0,)]:
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)
