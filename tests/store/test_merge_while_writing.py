"""Organizations are merged and deleted while several writers, each with its own connections, send events."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from threading import Event
from typing import Final

from talkmeter import clock
from talkmeter.db.engine import writing
from talkmeter.ledger.closing import begin_delete, begin_merge, finish_delete, finish_merge
from talkmeter.ledger.delete import delete_usage
from talkmeter.ledger.merge import merge_usage
from tests.events import Json, conversation
from tests.store.ledger import ORG, Ledger, make_batches, receipt_of
from tests.store.test_merge import OLD, ROOT, counts

SENDERS: Final = 3
FIRST: Final[list[Json]] = [conversation(f"first-{number}") for number in range(300)]
WAIT_SEC: Final = 60


def send_until(done: Event, started: Event, url: str, sender: int) -> tuple[list[str], list[str]]:
    """Send requests with one event of each organization, and one more when done; return accepted and refused ids."""
    accepted: list[str] = []
    refused: list[str] = []
    ledger = Ledger(url)
    try:
        with ledger.writer() as writer:
            for number in count():
                last = done.is_set()
                ids = [f"{org_id}-{sender}-{number}" for org_id in (OLD, ORG)]
                events = [conversation(id_, organization_id=id_.split("-")[0]) for id_ in ids]
                receipt = receipt_of(writer.submit(make_batches(*events, org_id=None)), WAIT_SEC)
                assert receipt.accepted + len(receipt.quarantined) == len(ids)
                closed = {entry.index for entry in receipt.quarantined}
                accepted += [id_ for index, id_ in enumerate(ids) if index not in closed]
                refused += [id_ for index, id_ in enumerate(ids) if index in closed]
                started.set()
                if last:
                    return accepted, refused
    finally:
        ledger.close()
    raise AssertionError


@contextmanager
def senders(url: str) -> Iterator[tuple[list[str], list[str]]]:
    """Send while the block runs and once after it; fill the ids of accepted and of refused events at the end."""
    accepted: list[str] = []
    refused: list[str] = []
    done = Event()
    running = [Event() for _ in range(SENDERS)]
    with ThreadPoolExecutor(SENDERS) as pool:
        futures: list[Future[tuple[list[str], list[str]]]] = [
            pool.submit(send_until, done, started, url, number) for number, started in enumerate(running)
        ]
        try:
            assert all(started.wait(WAIT_SEC) for started in running)
            yield accepted, refused
        finally:
            done.set()
        for future in futures:
            of_sender = future.result(WAIT_SEC)
            accepted += of_sender[0]
            refused += of_sender[1]


def quarantined_ids(ledger: Ledger) -> set[str]:
    rows = ledger.rows("SELECT kept_fields FROM quarantine")
    return {bytes(kept).decode().split('"id":"')[-1].split('"')[0] for (kept,) in rows}


def test_each_event_sent_during_a_merge_is_counted_once_or_quarantined(ledger: Ledger) -> None:
    ledger.send(*FIRST, org_id=OLD)

    with senders(ledger.url) as (accepted, refused):
        with writing(ledger.engine) as connection:
            begin_merge(connection, OLD, ORG, ROOT, clock.now())
        for _ in merge_usage(ledger.engine, OLD, ORG, 40):
            pass
        with writing(ledger.engine) as connection:
            finish_merge(connection, OLD, ORG, ROOT, clock.now())

    counted = {id_ for (id_,) in ledger.rows("SELECT id FROM conversation WHERE org_id = 'acme'")}
    assert counted == {*accepted, *(f"first-{number}" for number in range(300))}
    assert ledger.summary().total_calls == len(counted)
    assert ledger.rows("SELECT id FROM conversation WHERE org_id = 'old'") == []
    assert refused
    assert quarantined_ids(ledger) == set(refused)
    assert ledger.verify(ORG) == ledger.verify(OLD) == []


def test_nothing_accepted_before_a_deletion_is_left_after_it(ledger: Ledger) -> None:
    ledger.send(*FIRST, org_id=OLD)

    with senders(ledger.url) as (accepted, refused):
        with writing(ledger.engine) as connection:
            begin_delete(connection, OLD, ROOT, clock.now())
        for _ in delete_usage(ledger.engine, OLD):
            pass
        with writing(ledger.engine) as connection:
            finish_delete(connection, OLD, ROOT, clock.now())

    assert counts(ledger).keys() <= {"quarantine"}
    assert quarantined_ids(ledger) <= set(refused)
    ours = [id_ for id_ in accepted if id_.startswith(ORG)]
    assert ledger.summary().total_calls == len(ours)
    assert ledger.verify(ORG) == ledger.verify(OLD) == []
