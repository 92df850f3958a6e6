"""The delivery loop: what is due reaches its receiver, failures are retried, and one organization delays no other."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook as Verifier

from talkmeter.db.engine import reading, writing
from talkmeter.notify.attempts import Sender
from talkmeter.notify.deliveries import Attempt, Delivery, add_deliveries, read_messages
from talkmeter.notify.delivery_loop import MAX_SENDS_PER_ORGANIZATION, DeliveryLoop
from talkmeter.notify.outgoing import Outgoing
from talkmeter.notify.webhooks import DISABLED_AFTER, delete_webhook, find_webhook, set_webhook
from talkmeter.settings import default_settings
from tests.receivers import Receiver, answer, receiver
from tests.store.ledger import ORG, FileLedger, Ledger
from tests.store.messages import BOX, KEY, MESSAGE, SECOND

WAIT_SEC = 30
DAY_SEC = 86_400


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiver() as server:
        yield server


@contextmanager
def delivering(ledger: Ledger, *receivers: Receiver, key: str = KEY) -> Iterator[DeliveryLoop]:
    """Deliver what is due, to receivers of this machine."""
    origins = ",".join(server.origin for server in receivers)
    settings = replace(default_settings(), secret_key=key, outgoing_origins=origins)
    loop = DeliveryLoop(ledger.engine, Sender(settings, Outgoing()), close_sec=0.1)
    try:
        yield loop
    finally:
        loop.close()


def now() -> int:
    return time.time_ns() // 1_000


def set_(ledger: Ledger, url: str, id_: str = "wh", org_id: str = ORG) -> str:
    with writing(ledger.engine) as connection:
        secret = set_webhook(connection, BOX, org_id, id_, url, now())
    return secret or ""


def add(ledger: Ledger, *ids: str, webhook: str = "wh", org_id: str = ORG, age_sec: int = 0) -> None:
    with writing(ledger.engine) as connection:
        for id_ in ids:
            add_deliveries(connection, org_id, id_, MESSAGE, [webhook], [], now() - age_sec * SECOND)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + WAIT_SEC
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def history(ledger: Ledger, id_: str = "msg_1", org_id: str = ORG) -> tuple[Delivery, list[Attempt]]:
    with reading(ledger.engine) as connection:
        ((delivery, attempts),) = read_messages(connection, org_id, [id_])
    return delivery, list(attempts)


def ended(ledger: Ledger, id_: str = "msg_1", attempts: int = 1) -> bool:
    """Return whether the result of a number of attempts is stored."""
    return sum(attempt.duration_ms is not None for attempt in history(ledger, id_)[1]) >= attempts


def test_due_message_reaches_the_webhook_with_a_valid_signature(ledger: Ledger, hook: Receiver) -> None:
    secret = set_(ledger, f"{hook.origin}/path?key=1")
    with delivering(ledger, hook):
        add(ledger, "msg_1")
        until(lambda: ended(ledger))

    (request,) = hook.received
    assert request.target == "/path?key=1"
    assert request.headers["webhook-id"] == "msg_1"
    assert request.headers["content-type"] == "application/json"
    verified = Verifier(secret).verify(request.body, request.headers)
    assert verified == {
        "type": "budget.crossed",
        "timestamp": "2026-11-24T10:00:00Z",
        "data": {
            "budget_id": "voice-nov",
            "name": "Outbound voice",
            "organization_id": ORG,
            "metric": "voice_minutes",
            "filter": {"agent": "a1"},
            "period": {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"},
            "threshold": 80,
            "limit": "12000",
            "value": "9600.5",
            "percent": "80",
        },
    }
    delivery, (attempt,) = history(ledger)
    assert (delivery.state, attempt.status, attempt.error) == ("delivered", 204, None)


def test_wake_starts_a_delivery_at_once(file_ledger: FileLedger, hook: Receiver) -> None:
    set_(file_ledger, hook.origin)
    with delivering(file_ledger, hook) as loop:
        for number in range(20):
            add(file_ledger, f"msg_{number}")
            started = time.monotonic()
            loop.wake()
            until(lambda number=number: len(hook.received) > number)  # type: ignore[misc]
            if time.monotonic() - started < 0.5:
                return
    pytest.fail("20 deliveries waited for the next look")


def test_failed_delivery_is_attempted_again_with_the_same_id(ledger: Ledger, hook: Receiver) -> None:
    secret = set_(ledger, hook.origin)
    hook.behave = answer(503, body=b"do not store this")
    with delivering(ledger, hook):
        add(ledger, "msg_1")
        until(lambda: ended(ledger))
        delivery, (attempt,) = history(ledger)
        assert (delivery.state, attempt.status, attempt.error) == ("pending", 503, "status")
        assert 4 * SECOND < delivery.next_at - now() < 6 * SECOND
        hook.behave = answer(200)
        ledger.damage("UPDATE delivery SET next_at = 0")
        until(lambda: ended(ledger, attempts=2))

    assert [request.headers["webhook-id"] for request in hook.received] == ["msg_1"] * 2
    assert len({request.body for request in hook.received}) == 1
    for request in hook.received:
        Verifier(secret).verify(request.body, request.headers)
    assert history(ledger)[0].state == "delivered"
    assert b"do not store this" not in json.dumps(ledger.rows("SELECT * FROM delivery_attempt")).encode()


def test_delivery_fails_after_three_days(ledger: Ledger, hook: Receiver) -> None:
    set_(ledger, hook.origin)
    hook.behave = answer(500)
    add(ledger, "msg_1", age_sec=3 * DAY_SEC - 1)
    with delivering(ledger, hook):
        until(lambda: ended(ledger))

    assert history(ledger)[0].state == "failed"
    assert len(hook.received) == 1


def test_webhook_that_fails_for_five_days_is_disabled(ledger: Ledger, hook: Receiver) -> None:
    set_(ledger, hook.origin)
    hook.behave = answer(500)
    failing_since = now() - DISABLED_AFTER
    ledger.damage("UPDATE webhook SET failing_since = :at", at=failing_since)
    with delivering(ledger, hook):
        add(ledger, "msg_1")
        until(lambda: ended(ledger))
        add(ledger, "msg_2")
        until(lambda: ended(ledger, "msg_2"))

    with reading(ledger.engine) as connection:
        webhook = find_webhook(connection, ORG, "wh")
    assert webhook is not None
    assert webhook.failing_since == failing_since
    assert webhook.disabled_at is not None
    delivery, (attempt,) = history(ledger, "msg_2")
    assert (delivery.state, attempt.error) == ("dropped", "disabled")
    assert len(hook.received) == 1
    assert ledger.rows("SELECT actor_kind, action, org_id, subject FROM audit") == [
        ("server", "webhook.disable", ORG, "wh")
    ]


def test_delivery_to_a_deleted_webhook_is_dropped(file_ledger: FileLedger, hook: Receiver) -> None:
    set_(file_ledger, hook.origin)
    add(file_ledger, "msg_1")
    with writing(file_ledger.engine) as connection:
        delete_webhook(connection, ORG, "wh")
    with delivering(file_ledger, hook):
        until(lambda: ended(file_ledger))

    delivery, (attempt,) = history(file_ledger)
    assert (delivery.state, attempt.error, hook.received) == ("dropped", "deleted", [])


def test_origin_that_is_no_longer_allowed_gets_nothing(file_ledger: FileLedger, hook: Receiver) -> None:
    set_(file_ledger, hook.origin)
    add(file_ledger, "msg_1")
    with delivering(file_ledger):
        until(lambda: ended(file_ledger))

    assert history(file_ledger)[1][0].error == "url"
    assert hook.connections == 0


def test_secret_that_cannot_be_decrypted_is_an_error_of_the_attempt(file_ledger: FileLedger, hook: Receiver) -> None:
    set_(file_ledger, hook.origin)
    add(file_ledger, "msg_1")
    with delivering(file_ledger, hook, key=""):
        until(lambda: ended(file_ledger))

    assert history(file_ledger)[1][0].error == "secret"
    assert hook.connections == 0


def test_slow_receiver_does_not_delay_other_organizations(ledger: Ledger, hook: Receiver) -> None:
    with receiver() as slow:
        slow.behave = slow.hang
        set_(ledger, slow.origin, org_id="slow")
        set_(ledger, hook.origin)
        add(ledger, *(f"msg_{number}" for number in range(100)), org_id="slow")
        with delivering(ledger, slow, hook):
            until(lambda: slow.connections == MAX_SENDS_PER_ORGANIZATION)
            add(ledger, "msg_1")
            until(lambda: ended(ledger))
            assert slow.connections == MAX_SENDS_PER_ORGANIZATION


def test_many_due_deliveries_of_one_organization_all_arrive_once(ledger: Ledger, hook: Receiver) -> None:
    set_(ledger, hook.origin)
    ids = [f"msg_{number}" for number in range(60)]
    add(ledger, *ids)
    with delivering(ledger, hook), delivering(ledger, hook), delivering(ledger, hook):
        until(lambda: ledger.rows("SELECT 1 FROM delivery WHERE state <> 'delivered'") == [])

    assert Counter(request.headers["webhook-id"] for request in hook.received) == Counter(ids)
    assert ledger.rows("SELECT count(*) FROM delivery_attempt") == [(60,)]


def test_end_of_a_server_interrupts_a_slow_attempt_and_makes_it_due(ledger: Ledger, hook: Receiver) -> None:
    set_(ledger, hook.origin)
    add(ledger, "msg_1")
    hook.behave = hook.hang
    with delivering(ledger, hook):
        until(lambda: hook.connections == 1)

    delivery, (attempt,) = history(ledger)
    assert (delivery.state, attempt.error) == ("pending", "interrupted")
    assert delivery.next_at <= now()


def test_damaged_row_stops_only_its_organization(file_ledger: FileLedger, hook: Receiver) -> None:
    for org_id in (ORG, "damaged"):
        set_(file_ledger, hook.origin, org_id=org_id)
    add(file_ledger, "msg_1", org_id="damaged", age_sec=10)
    file_ledger.damage("UPDATE delivery SET body = x'00'")
    with delivering(file_ledger, hook):
        add(file_ledger, "msg_1")
        until(lambda: ended(file_ledger))

    assert file_ledger.rows("SELECT attempts FROM delivery WHERE org_id = 'damaged'") == [(0,)]
