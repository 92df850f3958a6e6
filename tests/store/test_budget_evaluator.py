"""The thread that evaluates budgets: its lease, and organizations that cannot be evaluated."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from talkmeter import clock
from talkmeter.budgets.evaluate import find_crossings, store_crossings
from talkmeter.budgets.evaluator import LEASE, LEASE_SEC, BudgetEvaluator
from talkmeter.budgets.store import delete_budget as delete_stored
from talkmeter.budgets.store import lock_budgets
from talkmeter.db.engine import reading, writing
from talkmeter.db.lease import release_lease, renew_lease, take_lease
from talkmeter.period import day_of, format_instant
from tests.events import conversation
from tests.servers import wait_until
from tests.store.budgets import OPERATOR, STALE_HOURS, at, crossings, set_budget
from tests.store.ledger import ORG, FileLedger, Ledger

YEAR_SEC = 366 * 86_400


@contextmanager
def running_evaluator(ledger: Ledger) -> Iterator[None]:
    evaluator = BudgetEvaluator(ledger.engine, STALE_HOURS, lambda: None)
    try:
        yield
    finally:
        evaluator.close()


def reach(ledger: Ledger, org_id: str = ORG) -> None:
    """Store a budget of one call a day and a call of today."""
    now = clock.now()
    set_budget(ledger, org_id=org_id, now=now, period="day", limit="1", thresholds=[100])
    ledger.send(conversation(created_at=format_instant(now)), org_id=org_id)


def test_crossing_is_found_after_a_start_and_after_a_commit(file_ledger: FileLedger) -> None:
    reach(file_ledger)
    with running_evaluator(file_ledger):
        wait_until(lambda: crossings(file_ledger))
        reach(file_ledger, "globex")
        wait_until(lambda: crossings(file_ledger, "globex"))
    [crossing] = crossings(file_ledger)
    assert (crossing.period_start, crossing.threshold, crossing.value) == (day_of(crossing.at), 100, "1")


def test_lease_of_a_killed_server_with_a_wrong_clock_is_taken(file_ledger: FileLedger) -> None:
    reach(file_ledger)
    with writing(file_ledger.engine) as connection:
        assert take_lease(connection, LEASE, "killed", clock.now() + YEAR_SEC * 1_000_000, LEASE_SEC)
    with running_evaluator(file_ledger):
        wait_until(lambda: crossings(file_ledger))


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE budget_crossing SET period_end = 'x' WHERE org_id = 'acme'",
        """UPDATE budget SET definition = replace(definition, '"limit":"1"', '"limit":"x"') WHERE org_id = 'acme'""",
    ],
)
def test_damaged_row_of_one_organization_does_not_stop_the_others(file_ledger: FileLedger, damage: str) -> None:
    reach(file_ledger)
    with running_evaluator(file_ledger):
        wait_until(lambda: crossings(file_ledger))
    file_ledger.damage(damage)
    reach(file_ledger, "globex")
    with running_evaluator(file_ledger):
        wait_until(lambda: crossings(file_ledger, "globex"))


def test_lost_connection_delays_an_evaluation_only_by_a_moment(server_ledger: Ledger) -> None:
    with running_evaluator(server_ledger):
        reach(server_ledger)
        wait_until(lambda: crossings(server_ledger))
        with writing(server_ledger.engine) as connection:
            # The transaction that stores a crossing waits for this one.
            assert not take_lease(connection, LEASE, "nobody", clock.now(), LEASE_SEC)
            renew_lease(connection, LEASE, holder_of(server_ledger), clock.now(), LEASE_SEC)
            reach(server_ledger, "globex")
            wait_until(lambda: waits_for_a_lock(server_ledger))
            server_ledger.rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: crossings(server_ledger, "globex"))


def test_server_whose_lease_was_taken_stores_nothing(server_ledger: Ledger) -> None:
    reach(server_ledger)
    with running_evaluator(server_ledger):
        wait_until(lambda: crossings(server_ledger))
        with writing(server_ledger.engine) as connection:
            assert renew_lease(connection, LEASE, holder_of(server_ledger), clock.now(), LEASE_SEC)
            reach(server_ledger, "globex")
            # Its transaction waits for this one, which gives the lease to another server.
            wait_until(lambda: waits_for_a_lock(server_ledger))
            release_lease(connection, LEASE, holder_of(server_ledger))
            assert take_lease(connection, LEASE, "other", clock.now(), LEASE_SEC)
    assert crossings(server_ledger, "globex") == []
    assert holder_of(server_ledger) == "other"


def holder_of(ledger: Ledger) -> str:
    [[holder]] = ledger.rows("SELECT holder FROM lease WHERE name = :name", name=LEASE)
    return str(holder)


def test_crossing_of_a_budget_that_is_being_deleted_is_not_stored(server_ledger: Ledger) -> None:
    reach(server_ledger)
    now = clock.now()
    with reading(server_ledger.engine) as connection:
        found = find_crossings(connection, ORG, at(now)).crossings
    assert len(found) == 1
    stored: list[int] = []

    def store() -> None:
        with writing(server_ledger.engine) as connection:
            stored.append(len(store_crossings(connection, ORG, found)))

    thread = threading.Thread(target=store)
    with writing(server_ledger.engine) as connection:
        lock_budgets(connection, ORG)
        delete_stored(connection, ORG, "b", OPERATOR, now)
        thread.start()
        wait_until(lambda: stored or waits_for_a_lock(server_ledger))
    thread.join()
    assert stored == [0]
    assert crossings(server_ledger) == []


def waits_for_a_lock(ledger: Ledger) -> bool:
    return bool(ledger.rows("SELECT pid FROM pg_locks WHERE NOT granted"))
