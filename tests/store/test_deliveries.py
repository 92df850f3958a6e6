"""Deliveries: stored once per message and target, claimed by one process at a time, with every attempt."""

import pytest

from talkmeter.accounts.connectors import SecretBox
from talkmeter.db.audit import Actor
from talkmeter.db.engine import reading, writing
from talkmeter.errors import SecretUnreadable, Unprocessable
from talkmeter.ledger.closing import begin_merge
from talkmeter.ledger.copy import begin_copy, copy_rows, finish_copy, read_revisions
from talkmeter.ledger.merge import merge_usage
from talkmeter.ledger.organizations import add_organization
from talkmeter.notify.deliveries import (
    DELIVERED,
    HISTORY,
    LEASE,
    MAX_WAIT,
    WEBHOOK,
    Delivery,
    Outcome,
    add_deliveries,
    claim,
    due_organizations,
    finish,
    read_messages,
    read_target,
)
from talkmeter.notify.messages import decode_message, message_id
from talkmeter.notify.webhooks import (
    DISABLED_AFTER,
    MAX_WEBHOOKS,
    Webhook,
    begin_test,
    check_webhook_id,
    decrypt_secret,
    delete_webhook,
    find_webhook,
    list_webhooks,
    missing_webhooks,
    note_failure,
    note_success,
    set_webhook,
)
from tests.events import conversation
from tests.store.ledger import ORG, FileLedger, Ledger
from tests.store.messages import BOX, DAY, MESSAGE, NOW, SECOND, add, claimed

URL = "https://example.com/hook"


def due(ledger: Ledger, now: int = NOW) -> list[str]:
    with reading(ledger.engine) as connection:
        return due_organizations(connection, now)


def end(
    ledger: Ledger, delivery: Delivery, outcome: Outcome | None, state: str = DELIVERED, next_at: int = NOW
) -> bool:
    with writing(ledger.engine) as connection:
        return finish(connection, delivery, outcome, state, next_at)


def set_(ledger: Ledger, id_: str = "wh", url: str = URL, now: int = NOW, org_id: str = ORG) -> str | None:
    with writing(ledger.engine) as connection:
        return set_webhook(connection, BOX, org_id, id_, url, now)


def found(ledger: Ledger, id_: str = "wh") -> Webhook:
    with reading(ledger.engine) as connection:
        webhook = find_webhook(connection, ORG, id_)
    assert webhook is not None
    return webhook


def test_message_is_stored_once_for_each_target(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1", "wh_2", emails=("ops@example.com",))
    add(ledger, "msg_1", "wh_2", "wh_3", now=NOW + SECOND)
    add(ledger, "msg_1", "wh_1", org_id="other")

    targets = [(one.message_id, one.channel, one.target) for one in claimed(ledger, NOW + SECOND)]
    assert sorted(targets) == [
        ("msg_1", "email", "ops@example.com"),
        ("msg_1", "webhook", "wh_1"),
        ("msg_1", "webhook", "wh_2"),
        ("msg_1", "webhook", "wh_3"),
    ]
    assert [one.target for one in claimed(ledger, NOW, "other")] == ["wh_1"]


def test_finished_delivery_is_not_stored_again(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    (delivery,) = claimed(ledger)
    assert end(ledger, delivery, Outcome(12, 204, None))

    add(ledger, "msg_1", "wh_1", now=NOW + DAY)
    assert due(ledger, NOW + 2 * DAY) == []


def test_stored_message_is_read_back_unchanged(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    (delivery,) = claimed(ledger)

    assert decode_message(delivery.body) == MESSAGE


def test_rolled_back_change_sends_nothing(ledger: Ledger) -> None:
    class Failed(Exception):
        pass

    def change() -> None:
        with writing(ledger.engine) as connection:
            add_deliveries(connection, ORG, "msg_1", MESSAGE, ["wh_1"], [], NOW)
            raise Failed

    with pytest.raises(Failed):
        change()
    assert due(ledger) == []


@pytest.mark.parametrize("id_", ["", "a.b", "a b", "é", "a" * 129])
def test_id_that_cannot_be_signed_is_refused(file_ledger: FileLedger, id_: str) -> None:
    with pytest.raises(ValueError, match="is not the id of a message"):
        add(file_ledger, id_, "wh_1")


def test_message_ids_are_stable_and_differ_by_part_and_organization() -> None:
    ids = [message_id("acme", "a", "b"), message_id("acme", "ab"), message_id("other", "a", "b")]

    assert ids[0] == message_id("acme", "a", "b") == "msg_a98f061f4e301dfcb5e647287cf6d574"
    assert len(set(ids)) == 3


def test_claimed_delivery_is_due_again_after_the_lease(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    (first,) = claimed(ledger)

    assert claimed(ledger, NOW + LEASE - 1) == []
    (second,) = claimed(ledger, NOW + LEASE)
    assert (first.attempts, second.attempts) == (1, 2)


def test_result_after_another_claim_does_not_end_the_delivery(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    (first,) = claimed(ledger)
    (second,) = claimed(ledger, NOW + LEASE)

    assert not end(ledger, first, Outcome(40_000, 200, None))
    assert end(ledger, second, Outcome(15, None, "timeout"), "pending", NOW + LEASE + SECOND)
    with reading(ledger.engine) as connection:
        (history,) = read_messages(connection, ORG, ["msg_1"])
    assert [attempt[2:] for attempt in history.attempts] == [
        (1, NOW, 40_000, 200, None),
        (2, NOW + LEASE, 15, None, "timeout"),
    ]
    assert history.delivery.state == "pending"


def test_interrupted_attempt_is_listed_without_a_duration(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    claimed(ledger)

    with reading(ledger.engine) as connection:
        (history,) = read_target(connection, ORG, WEBHOOK, "wh_1", 10)
    assert history.attempts[0][2:] == (1, NOW, None, None, None)


def test_organization_that_waited_longest_is_first(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh", org_id="b", now=NOW + 1)
    add(ledger, "msg_1", "wh", org_id="a", now=NOW + 2)
    add(ledger, "msg_1", "wh", org_id="c", now=NOW)

    assert due(ledger, NOW + 1) == ["c", "b"]
    assert due(ledger, NOW + 2) == ["c", "b", "a"]


def test_delivery_of_a_clock_that_was_ahead_is_due(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1", now=NOW + 40 * DAY)

    assert due(ledger, NOW) == [ORG]
    assert len(claimed(ledger, NOW)) == 1
    assert due(ledger, NOW + LEASE - 1) == []


def test_planned_retry_is_not_due_early(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    (delivery,) = claimed(ledger)
    end(ledger, delivery, Outcome(5, 500, "status"), "pending", NOW + MAX_WAIT)

    assert due(ledger, NOW) == []
    assert due(ledger, NOW + MAX_WAIT) == [ORG]


def test_one_message_can_be_claimed_before_others(ledger: Ledger) -> None:
    for number in range(3):
        add(ledger, f"msg_{number}", "wh_1")

    with writing(ledger.engine) as connection:
        (delivery,) = claim(connection, ORG, "msg_1", NOW)
    assert delivery.message_id == "msg_1"
    assert sorted(one.message_id for one in claimed(ledger)) == ["msg_0", "msg_2"]


def test_old_deliveries_are_deleted_with_their_attempts(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    [delivery] = claimed(ledger)
    end(ledger, delivery, Outcome(10, 200, None))
    add(ledger, "msg_2", "wh_1", now=NOW + HISTORY)
    assert len(ledger.rows("SELECT 1 FROM delivery")) == 2

    add(ledger, "msg_3", "wh_1", now=NOW + HISTORY + 1)
    assert sorted(ledger.rows("SELECT message_id FROM delivery")) == [("msg_2",), ("msg_3",)]
    assert ledger.rows("SELECT 1 FROM delivery_attempt") == []


def test_clock_that_is_a_year_ahead_deletes_nothing_that_is_still_to_be_delivered(ledger: Ledger) -> None:
    add(ledger, "msg_1", "wh_1")
    add(ledger, "msg_2", "wh_1", now=NOW + 366 * DAY)
    assert {one.message_id for one in claimed(ledger, NOW + SECOND)} == {"msg_1", "msg_2"}


def test_new_webhook_gets_a_secret_that_is_stored_encrypted(ledger: Ledger) -> None:
    secret = set_(ledger)

    assert secret is not None
    assert secret.startswith("whsec_")
    webhook = found(ledger)
    assert secret.encode() not in webhook.secrets
    assert decrypt_secret(BOX, webhook) == secret


def test_webhook_set_again_keeps_its_secret_and_is_enabled(ledger: Ledger) -> None:
    secret = set_(ledger)
    with writing(ledger.engine) as connection:
        note_failure(connection, ORG, "wh", NOW)
        assert note_failure(connection, ORG, "wh", NOW + DISABLED_AFTER)
    assert found(ledger).disabled_at == NOW + DISABLED_AFTER

    assert set_(ledger, url="https://example.com/new") is None
    webhook = found(ledger)
    assert (webhook.url, webhook.failing_since, webhook.disabled_at) == ("https://example.com/new", None, None)
    assert decrypt_secret(BOX, webhook) == secret


def test_success_restarts_the_five_days_of_failure(ledger: Ledger) -> None:
    set_(ledger)
    with writing(ledger.engine) as connection:
        note_failure(connection, ORG, "wh", NOW)
        note_success(connection, ORG, "wh")
        assert not note_failure(connection, ORG, "wh", NOW + DISABLED_AFTER)
    assert found(ledger).failing_since == NOW + DISABLED_AFTER
    assert found(ledger).disabled_at is None


def test_organization_has_at_most_twenty_webhooks(ledger: Ledger) -> None:
    for number in range(MAX_WEBHOOKS):
        set_(ledger, f"wh_{number}")

    with pytest.raises(Unprocessable, match="at most 20 webhooks; delete one first"):
        set_(ledger, "one-more")
    assert set_(ledger, "wh_0") is None
    assert set_(ledger, "wh_0", org_id="other") is not None


def test_webhooks_are_listed_and_deleted_by_organization(ledger: Ledger) -> None:
    set_(ledger, "b", now=NOW)
    set_(ledger, "a", now=NOW + 1)
    set_(ledger, "c", org_id="other")

    with writing(ledger.engine) as connection:
        assert [webhook.id for webhook in list_webhooks(connection, ORG)] == ["b", "a"]
        assert missing_webhooks(connection, ORG, ["c", "a", "x"]) == ["c", "x"]
        assert not delete_webhook(connection, ORG, "c")
        assert delete_webhook(connection, ORG, "b")
        assert [webhook.id for webhook in list_webhooks(connection, ORG)] == ["a"]


def test_webhook_is_tested_at_most_once_a_minute(ledger: Ledger) -> None:
    set_(ledger)
    with writing(ledger.engine) as connection:
        results = [begin_test(connection, ORG, "wh", NOW + second * SECOND) for second in (0, 59, 60, 61)]
        assert not begin_test(connection, ORG, "missing", NOW)

    assert results == [True, False, True, False]


@pytest.mark.parametrize("id_", ["", "A", "a b", "a/b", "é", "a" * 65])
def test_id_of_a_webhook_is_short_and_lower_case(id_: str) -> None:
    with pytest.raises(Unprocessable, match=r"^The id of a webhook has 1 to 64 of a-z"):
        check_webhook_id(id_)


def test_secret_of_another_key_is_reported(ledger: Ledger) -> None:
    set_(ledger)
    other = SecretBox("b3RoZXIga2V5IG90aGVyIGtleSBvdGhlciBrZXkgMDA=")

    with pytest.raises(SecretUnreadable, match=r"^The secrets of webhook wh of acme were encrypted with another"):
        decrypt_secret(other, found(ledger))


def test_copy_of_a_ledger_has_webhooks_and_deliveries(server_ledger: Ledger, file_ledger: FileLedger) -> None:
    set_(file_ledger)
    add(file_ledger, "msg_1", "wh")
    claimed(file_ledger)
    begin_copy(file_ledger.engine, server_ledger.engine, read_revisions(file_ledger.engine))
    list(copy_rows(file_ledger.engine, server_ledger.engine))
    finish_copy(server_ledger.engine)

    for table in ("webhook", "delivery", "delivery_attempt"):
        rows = server_ledger.rows(f"SELECT * FROM {table}")
        assert rows
        assert rows == file_ledger.rows(f"SELECT * FROM {table}")


def test_merged_organization_keeps_no_webhooks_and_deliveries(ledger: Ledger) -> None:
    for org_id in (ORG, "other"):
        ledger.send(conversation(), org_id=org_id)
    set_(ledger)
    add(ledger, "msg_1", "wh")
    claimed(ledger)
    with writing(ledger.engine) as connection:
        for org_id in (ORG, "other"):
            add_organization(connection, org_id, None, NOW)
        begin_merge(connection, ORG, "other", Actor("operator", "root"), NOW)
    list(merge_usage(ledger.engine, ORG, "other"))

    for table in ("webhook", "delivery", "delivery_attempt"):
        assert ledger.rows(f"SELECT * FROM {table}") == []
