"""The writer: its bounded queue, concurrent writers, a busy database, a full disk, and shutdown."""

import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from random import Random

import pytest
from sqlalchemy import event as engine_events
from sqlalchemy.engine.interfaces import DBAPIConnection

from talkmeter.errors import DiskFull, Unavailable
from talkmeter.ledger.batch import BatchResult
from tests.events import Json, conversation, event, run
from tests.store.ledger import ORG, FileLedger, Ledger, make_batches, receipt_of

QUICK_SEC = 10
WRITERS = 8
ORGANIZATIONS = (ORG, "other", "third")
Results = list[Future[BatchResult]]
EXPECTED_ATTEMPTS = {"sqlite": 6, "postgresql": 2}
"""PostgreSQL reports a lock only after its timeout; a retry would make the rest of the group wait as long again.

The other transaction on PostgreSQL adds the organization to the directory.
"""
SHORT_TIMEOUT = {"sqlite": "PRAGMA busy_timeout = 10", "postgresql": "SET lock_timeout = 10"}


@pytest.fixture
def attempts(ledger: Ledger) -> list[int]:
    """One entry per connection taken from the pool; the database's own timeout is short, so that the writer retries."""
    checkouts: list[int] = []

    @engine_events.listens_for(ledger.engine, "checkout")
    def count(connection: DBAPIConnection, *_: object) -> None:
        connection.cursor().execute(SHORT_TIMEOUT[ledger.engine.dialect.name])
        connection.commit()
        checkouts.append(len(checkouts))

    return checkouts


def accepted(futures: Results) -> int:
    return receipt_of(futures, QUICK_SEC).accepted


def test_completed_request_is_counted(ledger: Ledger) -> None:
    with ledger.writer() as writer:
        for number in range(1, 6):
            receipt_of(writer.submit(make_batches(conversation(f"call-{number}"))), QUICK_SEC)
            assert ledger.summary().total_calls == number


def test_waiting_requests_are_written_together_with_separate_results(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.locked() as other:
        futures = [
            writer.submit(make_batches(*(conversation(f"call-{number}-{index}") for index in range(number))))
            for number in range(10)
        ]
        other.rollback()
        counts = [accepted(future) for future in futures[1:]]

    assert counts == list(range(1, 10))
    assert len(ledger.rows("SELECT DISTINCT stored_at FROM conversation")) <= 2


def test_request_for_many_organizations_has_one_receipt(ledger: Ledger) -> None:
    receipt = ledger.send(*(conversation(organization_id=f"org-{number}") for number in range(30)), org_id=None)

    assert (receipt.accepted, receipt.quarantined) == (30, [])
    assert {ledger.summary(org_id=f"org-{number}").total_calls for number in range(30)} == {1}


def make_events(org_id: str) -> list[Json]:
    """Return events of an organization: calls that ring and end, some of them deleted, and runs."""
    calls = [
        {**conversation(f"call-{number}", status=status, duration=duration, agent_id=f"agent-{number % 5}"), **when}
        for number in range(60)
        for status, duration, when in (
            ("ringing", None, {"time": "2026-03-01T12:00:00Z"}),
            ("completed", number, {"time": "2026-03-01T12:01:00Z"}),
        )
    ]
    deleted = [event("conversation.deleted", {"id": f"call-{number}"}) for number in range(0, 60, 10)]
    events = [*calls, *deleted, run(), run("run-2")]
    return [{**base, "id": f"{org_id}-{index}"} for index, base in enumerate(events)]


def test_concurrent_writers_of_shuffled_repeated_events_count_each_once(ledger: Ledger) -> None:
    """Each writer has its own connections, as separate processes would."""
    start = threading.Barrier(WRITERS)

    def send(seed: int) -> None:
        chance = Random(seed)
        own = Ledger(ledger.url)
        start.wait(QUICK_SEC)
        for org_id in chance.sample(ORGANIZATIONS, len(ORGANIZATIONS)):
            events = [*make_events(org_id), *chance.sample(make_events(org_id), 40)]
            chance.shuffle(events)
            for begin in range(0, len(events), 25):
                assert own.send(*events[begin : begin + 25], org_id=org_id).quarantined == []
        own.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(send, range(WRITERS)))

    counted = [number for number in range(60) if number % 10]
    for org_id in ORGANIZATIONS:
        found = ledger.summary(org_id=org_id)
        assert (found.total_calls, found.live_calls, found.workflow_runs_total) == (len(counted), 0, 2)
        assert found.voice_duration_ms == 1_000 * sum(counted)
        assert ledger.verify(org_id) == []


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_busy_database_is_retried_until_it_is_unlocked(ledger: Ledger, attempts: list[int]) -> None:
    with ledger.writer() as writer, ledger.locked() as other:

        @engine_events.listens_for(ledger.engine, "checkout")
        def unlock_at_the_fourth_attempt(*_: object) -> None:
            if len(attempts) == 4:
                other.rollback()

        assert accepted(writer.submit(make_batches(conversation()))) == 1

    # The fourth attempt adds the organization to the directory; the next transaction writes the event.
    assert len(attempts) == 5


def test_writer_waits_while_another_connection_holds_the_lock(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.locked() as other:
        unlock = threading.Timer(0.2, other.rollback)
        unlock.start()
        future = writer.submit(make_batches(conversation()))

        assert accepted(future) == 1
        unlock.join()


def test_database_that_stays_busy_is_a_503_and_nothing_is_written(ledger: Ledger, attempts: list[int]) -> None:
    with ledger.writer() as writer, ledger.locked() as other:
        attempts.clear()
        refused = writer.submit(make_batches(conversation("call-1"), conversation("call-2")))
        with pytest.raises(Unavailable) as error:
            receipt_of(refused, QUICK_SEC)
        number_of_attempts = len(attempts)
        other.rollback()
        after = accepted(writer.submit(make_batches(conversation("call-3"))))

    assert error.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert error.value.headers == {"Retry-After": "1"}
    assert error.value.detail == "The database is busy; retry shortly."
    assert number_of_attempts == EXPECTED_ATTEMPTS[ledger.engine.dialect.name]
    assert after == 1
    assert ledger.rows("SELECT id FROM conversation") == [("call-3",)]
    assert ledger.verify() == []


def test_full_disk_is_a_507_and_writing_works_again_after_space_is_freed(file_ledger: FileLedger) -> None:
    max_pages = [1]
    events = [conversation(f"call-{number}") for number in range(2_000)]

    @engine_events.listens_for(file_ledger.engine, "checkout")
    def limit_size(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {max_pages[0]}")

    with file_ledger.writer() as writer:
        with pytest.raises(DiskFull) as error:
            receipt_of(writer.submit(make_batches(*events)), QUICK_SEC)
        counts = [
            file_ledger.rows(f"SELECT count(*) FROM {table}")
            for table in ("conversation", "record_state", "usage_daily")
        ]
        max_pages[0] = 1_000_000
        after = accepted(writer.submit(make_batches(*events)))

    assert error.value.status == HTTPStatus.INSUFFICIENT_STORAGE
    assert error.value.headers == {"Retry-After": "30"}
    assert counts == [[(0,)]] * 3
    assert after == 2_000
    assert file_ledger.rows("PRAGMA integrity_check") == [("ok",)]
    assert file_ledger.verify() == []


def conversations(number: int, org_id: str) -> list[dict[str, object]]:
    return [conversation(f"{org_id}-{index}") for index in range(number)]


def test_full_queue_rejects_requests_until_it_has_room_again(ledger: Ledger) -> None:
    with ledger.writer(max_events=10) as writer, ledger.locked() as other:
        futures = [writer.submit(make_batches(*conversations(5, org_id), org_id=org_id)) for org_id in ("a", "b")]
        with pytest.raises(Unavailable, match=r"^The write queue is full \(TALKMETER_QUEUE_EVENTS\); retry shortly\.$"):
            writer.submit(make_batches(conversation(), org_id="c"))
        other.rollback()
        for future in futures:
            receipt_of(future, QUICK_SEC)
        later = [
            accepted(writer.submit(make_batches(*conversations(5, org_id), org_id=org_id))) for org_id in ("c", "d")
        ]

    assert later == [5, 5]
    assert ledger.rows("SELECT org_id, count(*) FROM conversation GROUP BY org_id ORDER BY org_id") == [
        ("a", 5),
        ("b", 5),
        ("c", 5),
        ("d", 5),
    ]


def test_one_organization_may_fill_at_most_half_of_the_queue(ledger: Ledger) -> None:
    with ledger.writer(max_events=10) as writer, ledger.locked() as other:
        first = writer.submit(make_batches(*conversations(5, "a"), org_id="a"))
        with pytest.raises(Unavailable, match="This organization fills its half of the write queue"):
            writer.submit(make_batches(conversation(), org_id="a"))
        second = writer.submit(make_batches(*conversations(4, "b"), org_id="b"))
        other.rollback()

        assert (accepted(first), accepted(second)) == (5, 4)


def test_request_larger_than_the_queue_is_accepted_if_the_queue_is_empty(ledger: Ledger) -> None:
    with ledger.writer(max_events=10) as writer:
        assert accepted(writer.submit(make_batches(*conversations(50, "a"), org_id="a"))) == 50


def test_request_of_a_disconnected_client_does_not_stop_the_others(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.locked() as other:
        cancelled = writer.submit(make_batches(conversation("call-1")))
        cancelled[0].cancel()
        next_request = writer.submit(make_batches(conversation("call-2")))
        other.rollback()

        assert accepted(next_request) == 1
        assert accepted(writer.submit(make_batches(conversation("call-3")))) == 1


def test_close_writes_accepted_requests_and_rejects_new_ones(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.locked() as other:
        futures = [writer.submit(make_batches(conversation(f"call-{number}"))) for number in range(20)]
        closing = threading.Thread(target=writer.close)
        closing.start()
        other.rollback()
        closing.join(QUICK_SEC)

        assert [accepted(future) for future in futures] == [1] * 20
        with pytest.raises(Unavailable, match="The server is shutting down"):
            writer.submit(make_batches(conversation()))
    assert ledger.summary(org_id=ORG).total_calls == 20


def test_close_can_be_called_twice(ledger: Ledger) -> None:
    with ledger.writer() as writer:
        writer.close()
