"""The writer's thread: its bounded queue, many of them at once, a busy database, a full disk of a file, and its end."""

import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from random import Random

import pytest
from sqlalchemy import event as engine_events
from sqlalchemy.engine.interfaces import DBAPIConnection

from talkmeter.errors import DiskFull, Unavailable
from talkmeter.ingest.receipt import make_receipt
from talkmeter.ledger.batch import BatchResult
from tests.events import Json, conversation, event, run
from tests.store.ledger import ORG, FileLedger, Ledger, works_of

QUICK_SEC = 10
WRITERS = 8
ORGANIZATIONS = (ORG, "other", "third")
Answer = Future[list[BatchResult]]
TRIES = {"sqlite": 6, "postgresql": 1}
"""A row of PostgreSQL has been waited for when it is refused: nobody else of the group should wait as long again."""
HARDLY_WAIT = {"sqlite": "PRAGMA busy_timeout = 10", "postgresql": "SET lock_timeout = 10"}


@pytest.fixture
def attempts(ledger: Ledger) -> list[int]:
    """One entry for each connection taken from the pool; databases hardly wait, so it is the writer who does."""
    taken: list[int] = []

    @engine_events.listens_for(ledger.engine, "checkout")
    def take(connection: DBAPIConnection, *_: object) -> None:
        connection.cursor().execute(HARDLY_WAIT[ledger.engine.dialect.name])
        connection.commit()
        taken.append(len(taken))

    return taken


def accepted(answer: Answer) -> int:
    return make_receipt(answer.result(QUICK_SEC)).accepted


def test_an_answer_means_that_the_event_is_in_the_numbers(ledger: Ledger) -> None:
    with ledger.writer() as writer:
        for number in range(1, 6):
            writer.submit(works_of(conversation(f"call-{number}"))).result(QUICK_SEC)
            assert ledger.summary().total_calls == number


def test_requests_that_wait_are_written_together_and_answered_each(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.held() as other:
        answers = [
            writer.submit(works_of(*(conversation(f"call-{number}-{one}") for one in range(number))))
            for number in range(10)
        ]
        other.rollback()
        counts = [accepted(answer) for answer in answers[1:]]

    assert counts == list(range(1, 10))
    assert len(ledger.rows("SELECT DISTINCT stored_at FROM conversation")) <= 2


def test_a_request_for_many_organizations_is_answered_as_one(ledger: Ledger) -> None:
    receipt = ledger.tell(*(conversation(organization_id=f"org-{number}") for number in range(30)), org_id=None)

    assert (receipt.accepted, receipt.quarantined) == (30, [])
    assert {ledger.summary(org_id=f"org-{number}").total_calls for number in range(30)} == {1}


def told(org_id: str) -> list[Json]:
    """What happened in an organization: calls that rang and ended, some voided, runs."""
    calls = [
        {**conversation(f"call-{number}", status=status, duration=duration, agent_id=f"agent-{number % 5}"), **when}
        for number in range(60)
        for status, duration, when in (
            ("ringing", None, {"time": "2026-03-01T12:00:00Z"}),
            ("completed", number, {"time": "2026-03-01T12:01:00Z"}),
        )
    ]
    voided = [event("conversation.deleted", {"id": f"call-{number}"}) for number in range(0, 60, 10)]
    return [{**one, "id": f"{org_id}-{place}"} for place, one in enumerate([*calls, *voided, run(), run("run-2")])]


def test_writers_of_the_same_shuffled_and_repeated_events_lose_and_double_nothing(ledger: Ledger) -> None:
    """As from many processes: each has connections of its own."""
    start = threading.Barrier(WRITERS)

    def send(seed: int) -> None:
        chance = Random(seed)
        own = Ledger(ledger.url)
        start.wait(QUICK_SEC)
        for org_id in chance.sample(ORGANIZATIONS, len(ORGANIZATIONS)):
            events = [*told(org_id), *chance.sample(told(org_id), 40)]
            chance.shuffle(events)
            for begin in range(0, len(events), 25):
                assert own.tell(*events[begin : begin + 25], org_id=org_id).quarantined == []
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
def test_a_busy_database_is_tried_again_until_it_is_let_go(ledger: Ledger, attempts: list[int]) -> None:
    with ledger.writer() as writer, ledger.held() as other:

        @engine_events.listens_for(ledger.engine, "checkout")
        def let_go_at_the_fourth_attempt(*_: object) -> None:
            if len(attempts) == 4:
                other.rollback()

        assert accepted(writer.submit(works_of(conversation()))) == 1

    assert len(attempts) == 4


def test_a_busy_database_is_waited_for_while_another_holds_it(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.held() as other:
        letting_go = threading.Timer(0.2, other.rollback)
        letting_go.start()
        answer = writer.submit(works_of(conversation()))

        assert accepted(answer) == 1
        letting_go.join()


def test_a_database_that_stays_busy_is_unavailable_and_nothing_is_half_written(
    ledger: Ledger, attempts: list[int]
) -> None:
    with ledger.writer() as writer, ledger.held() as other:
        refused = writer.submit(works_of(conversation("call-1"), conversation("call-2")))
        with pytest.raises(Unavailable) as error:
            refused.result(QUICK_SEC)
        tried = len(attempts)
        other.rollback()
        after = accepted(writer.submit(works_of(conversation("call-3"))))

    assert error.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert error.value.headers == {"Retry-After": "1"}
    assert error.value.detail == "The database is busy; retry shortly."
    assert tried == TRIES[ledger.engine.dialect.name]
    assert after == 1
    assert ledger.rows("SELECT id FROM conversation") == [("call-3",)]
    assert ledger.verify() == []


def test_a_full_disk_is_told_and_the_ledger_works_again_when_there_is_room(file_ledger: FileLedger) -> None:
    most_pages = [1]
    events = [conversation(f"call-{number}") for number in range(2_000)]

    @engine_events.listens_for(file_ledger.engine, "checkout")
    def bound(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most_pages[0]}")

    with file_ledger.writer() as writer:
        with pytest.raises(DiskFull) as error:
            writer.submit(works_of(*events)).result(QUICK_SEC)
        left = [
            file_ledger.rows(f"SELECT count(*) FROM {table}")
            for table in ("conversation", "record_state", "usage_daily")
        ]
        most_pages[0] = 1_000_000
        after = accepted(writer.submit(works_of(*events)))

    assert error.value.status == HTTPStatus.INSUFFICIENT_STORAGE
    assert error.value.headers == {"Retry-After": "30"}
    assert left == [[(0,)]] * 3
    assert after == 2_000
    assert file_ledger.rows("PRAGMA integrity_check") == [("ok",)]
    assert file_ledger.verify() == []


def some(number: int, org_id: str) -> list[dict[str, object]]:
    return [conversation(f"{org_id}-{one}") for one in range(number)]


def test_a_full_queue_refuses_and_takes_again_what_comes_after(ledger: Ledger) -> None:
    with ledger.writer(max_events=10) as writer, ledger.held() as other:
        answers = [writer.submit(works_of(*some(5, org_id), org_id=org_id)) for org_id in ("a", "b")]
        with pytest.raises(Unavailable, match=r"^The write queue is full \(TALKMETER_QUEUE_EVENTS\); retry shortly\.$"):
            writer.submit(works_of(conversation(), org_id="c"))
        other.rollback()
        for answer in answers:
            answer.result(QUICK_SEC)
        later = [accepted(writer.submit(works_of(*some(5, org_id), org_id=org_id))) for org_id in ("c", "d")]

    assert later == [5, 5]
    assert ledger.rows("SELECT org_id, count(*) FROM conversation GROUP BY org_id ORDER BY org_id") == [
        ("a", 5),
        ("b", 5),
        ("c", 5),
        ("d", 5),
    ]


def test_one_organization_fills_at_most_half_of_the_queue(ledger: Ledger) -> None:
    with ledger.writer(max_events=10) as writer, ledger.held() as other:
        mine = writer.submit(works_of(*some(5, "a"), org_id="a"))
        with pytest.raises(Unavailable, match="This organization fills its half of the write queue"):
            writer.submit(works_of(conversation(), org_id="a"))
        others = writer.submit(works_of(*some(4, "b"), org_id="b"))
        other.rollback()

        assert (accepted(mine), accepted(others)) == (5, 4)


def test_a_request_larger_than_the_queue_is_taken_where_nothing_waits(ledger: Ledger) -> None:
    with ledger.writer(max_events=10) as writer:
        assert accepted(writer.submit(works_of(*some(50, "a"), org_id="a"))) == 50


def test_a_request_whose_sender_went_away_does_not_stop_the_others(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.held() as other:
        gone = writer.submit(works_of(conversation("call-1")))
        gone.cancel()
        beside = writer.submit(works_of(conversation("call-2")))
        other.rollback()

        assert accepted(beside) == 1
        assert accepted(writer.submit(works_of(conversation("call-3")))) == 1


def test_closing_finishes_what_was_accepted_and_takes_nothing_more(ledger: Ledger) -> None:
    with ledger.writer() as writer, ledger.held() as other:
        answers = [writer.submit(works_of(conversation(f"call-{number}"))) for number in range(20)]
        closing = threading.Thread(target=writer.close)
        closing.start()
        other.rollback()
        closing.join(QUICK_SEC)

        assert [accepted(answer) for answer in answers] == [1] * 20
        with pytest.raises(Unavailable, match="The server is shutting down"):
            writer.submit(works_of(conversation()))
    assert ledger.summary(org_id=ORG).total_calls == 20


def test_closing_twice_is_closing_once(ledger: Ledger) -> None:
    with ledger.writer() as writer:
        writer.close()
