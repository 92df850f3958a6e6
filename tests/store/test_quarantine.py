"""Quarantine: invalid events and events that the database rejects are kept there; other events of a batch count."""

import hashlib
import json
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from talkmeter.db.engine import writing
from talkmeter.db.statements import OnConflict, Row, insert_rows
from talkmeter.db.tables import quarantine
from talkmeter.ingest.receipt import Receipt
from talkmeter.ledger.batch import Reason
from talkmeter.ledger.write import QUARANTINE_LIMIT
from tests.citus_plugin import TEST_STATEMENT
from tests.events import Json, conversation, event
from tests.store.ledger import ORG, Ledger, make_batches, make_snapshot, receipt_of

TIMEOUT_SEC = 60
POISON = "poison"
REJECT = {
    "sqlite": (
        f"CREATE TRIGGER refuse_{{0}} BEFORE INSERT ON {{0}} WHEN NEW.id = '{POISON}' "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    ),
    "postgresql": f"ALTER TABLE {{0}} ADD CONSTRAINT refuse CHECK (id <> '{POISON}')",
}
REJECT_NOTHING = {"sqlite": "DROP TRIGGER refuse_{0}", "postgresql": "ALTER TABLE {0} DROP CONSTRAINT refuse"}


@pytest.fixture
def poisoned(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger whose database rejects one record, as a bug in it might."""
    database = ledger.engine.dialect.name
    for table in ("conversation", "inventory_item"):
        ledger.execute(REJECT[database].format(table))
    yield ledger
    for table in ("conversation", "inventory_item"):
        ledger.execute(REJECT_NOTHING[database].format(table))


def results(receipt: Receipt) -> tuple[int, int, list[tuple[int, str]]]:
    """Return the number of accepted and duplicate events, and (index, reason) of the quarantined ones."""
    return receipt.accepted, receipt.duplicate, [(event.index, event.reason.value) for event in receipt.quarantined]


def fill(ledger: Ledger, number: int, org_id: str = ORG) -> None:
    """Put a number of events into an organization's quarantine."""
    rows: list[Row] = [
        (org_id, index.to_bytes(16, "big"), "malformed", "", "", 0, 0, 1, 2, "{}", False) for index in range(number)
    ]
    with writing(ledger.engine) as connection:
        insert_rows(connection.execution_options(**TEST_STATEMENT), quarantine, rows, OnConflict.KEEP)


@pytest.mark.parametrize("index", range(5))
def test_only_the_event_that_the_database_rejects_is_quarantined(poisoned: Ledger, index: int) -> None:
    events = [conversation(f"call-{number}") for number in range(4)]
    events.insert(index, conversation(POISON))

    receipt = poisoned.send(*events)
    again = poisoned.send(*events)

    assert results(receipt) == (4, 0, [(index, "refused_by_database")])
    assert receipt.quarantined[0].id == events[index]["id"]
    assert receipt.quarantined[0].kept
    assert results(again) == (0, 4, [(index, "refused_by_database")])
    assert poisoned.summary().total_calls == 4
    assert poisoned.rows("SELECT reason, times_seen FROM quarantine") == [("refused_by_database", 2)]
    assert poisoned.verify() == []


def test_rejected_event_affects_only_its_own_request(poisoned: Ledger) -> None:
    """Requests that wait together share a transaction; after a rollback, each is written alone."""
    requests = {
        "before": make_batches(conversation("before-1"), conversation("before-2")),
        "other": make_batches(conversation(POISON + "ous", organization_id="b"), org_id=None),
        "guilty": make_batches(conversation("left"), conversation(POISON), b"{}", conversation("right")),
        "after": make_batches(conversation("after"), b"nonsense"),
    }
    with capture_logs() as logs, poisoned.writer() as writer, poisoned.locked() as other:
        futures = {name: writer.submit(batches) for name, batches in requests.items()}
        other.rollback()
        receipts = {name: results(receipt_of(future, TIMEOUT_SEC)) for name, future in futures.items()}

    assert [entry["requests"] > 1 for entry in logs if entry["event"] == "transaction rolled back"] == [True]
    assert receipts == {
        "before": (2, 0, []),
        "other": (1, 0, []),
        "guilty": (2, 0, [(1, "refused_by_database"), (2, "invalid_envelope")]),
        "after": (1, 0, [(1, "malformed")]),
    }
    assert (poisoned.summary().total_calls, poisoned.summary(org_id="b").total_calls) == (5, 1)


def test_rejected_event_does_not_affect_other_organizations_of_its_request(poisoned: Ledger) -> None:
    named = [conversation(POISON, organization_id="a"), conversation("call-1", organization_id="b")]

    receipt = poisoned.send(*named, org_id=None)

    assert results(receipt) == (1, 0, [(0, "refused_by_database")])
    assert poisoned.rows("SELECT org_id, reason FROM quarantine") == [("a", "refused_by_database")]
    assert poisoned.summary(org_id="b").total_calls == 1


def test_only_the_identity_of_a_rejected_event_is_kept(poisoned: Ledger) -> None:
    poisoned.send(conversation(POISON, agent_number="+13125550110"))

    ((kept, complete),) = poisoned.rows("SELECT kept_fields, complete FROM quarantine")
    assert json.loads(kept)["data"] == {"id": POISON, "organization_id": ORG}
    assert not complete


def test_snapshot_with_a_rejected_item_still_removes_older_items(poisoned: Ledger) -> None:
    poisoned.send(event("agent.updated", {"id": "older"}))

    receipt = poisoned.write(make_snapshot("agent", "2026-03-02T00:00:00Z", "a", POISON, "c"))

    assert results(receipt) == (2, 0, [(1, "refused_by_database")])
    assert poisoned.summary().total_agents == 2


def test_invalid_event_is_kept_with_its_organization_and_times_seen(ledger: Ledger) -> None:
    broken = conversation(status="exploded")
    raw = json.dumps(broken).encode()
    ledger.send(raw, raw)
    receipt = ledger.send(raw, conversation("valid"))

    ((org_id, hash_, reason, credential, times_seen, size),) = ledger.rows(
        "SELECT org_id, hash, reason, credential_id, times_seen, size FROM quarantine"
    )
    assert results(receipt) == (1, 0, [(0, "invalid_data")])
    assert (org_id, reason, credential, times_seen) == (ORG, "invalid_data", f"key of {ORG}", 3)
    assert (hash_, size) == (hashlib.sha256(raw).digest()[:16], len(raw))


def test_repeated_event_changes_last_seen_and_not_first_seen(ledger: Ledger) -> None:
    ledger.send(b"nonsense")
    (first,) = ledger.rows("SELECT first_seen_at, last_seen_at FROM quarantine")
    ledger.send(b"nonsense")
    (again,) = ledger.rows("SELECT first_seen_at, last_seen_at FROM quarantine")

    assert first[0] == first[1] == again[0] < again[1]


def test_only_known_fields_are_kept_cut_at_256_characters(ledger: Ledger) -> None:
    broken: Json = {
        **conversation(status="s" * 300, agent_id=["no", "scalar"], duration=1.5),
        "transcript": "Hello, my card number is",
    }
    data = broken["data"]
    assert isinstance(data, dict)
    data["caller_number"] = "+13125550199"
    ledger.send(broken)

    ((kept, complete),) = ledger.rows("SELECT kept_fields, complete FROM quarantine")
    fields = json.loads(kept)
    assert fields["data"]["status"] == "s" * 256
    assert fields["data"]["duration"] == 1.5
    assert not {"transcript", "caller_number", "agent_id"} & {*fields, *fields["data"]}
    assert not complete


def test_sender_key_event_without_organization_is_kept_without_one(ledger: Ledger) -> None:
    receipt = ledger.send(conversation(), org_id=None)

    assert results(receipt) == (0, 0, [(0, "missing_organization")])
    assert ledger.rows("SELECT org_id FROM quarantine") == [("",)]
    assert ledger.rows("SELECT * FROM organization_directory") == []


def test_event_for_another_organization_is_kept_with_the_sending_one(ledger: Ledger) -> None:
    receipt = ledger.send(conversation(organization_id="victim"))

    assert results(receipt) == (0, 0, [(0, "foreign_organization")])
    assert ledger.rows("SELECT org_id FROM quarantine") == [(ORG,)]
    assert ledger.summary(org_id="victim").total_calls == 0


def test_full_quarantine_keeps_no_new_events_but_counts_known_ones(ledger: Ledger) -> None:
    fill(ledger, QUARANTINE_LIMIT - 1)

    with capture_logs() as logs:
        receipt = ledger.send(b"one", b"two", b"one", conversation())
    again = ledger.send(b"two", b"one")

    assert [event.kept for event in receipt.quarantined] == [True, False, True]
    assert receipt.accepted == 1
    assert [event.kept for event in again.quarantined] == [False, True]
    assert [entry["events_not_kept"] for entry in logs if entry["event"] == "quarantine full"] == [1]
    assert ledger.rows("SELECT count(*) FROM quarantine") == [(QUARANTINE_LIMIT,)]
    assert ledger.rows("SELECT times_seen FROM quarantine WHERE size = 3") == [(3,)]


def test_each_organization_has_its_own_quarantine_limit(ledger: Ledger) -> None:
    fill(ledger, QUARANTINE_LIMIT, "full")

    assert QUARANTINE_LIMIT == 10_000
    assert [event.kept for event in ledger.send(b"nonsense", org_id="full").quarantined] == [False]
    assert [event.kept for event in ledger.send(b"nonsense", org_id=ORG).quarantined] == [True]


def test_quarantine_reasons() -> None:
    assert {reason.value for reason in Reason} == {
        "malformed",
        "invalid_envelope",
        "unknown_type",
        "invalid_data",
        "out_of_range",
        "missing_organization",
        "foreign_organization",
        "refused_by_database",
        "unknown_organization",
        "closed_organization",
    }
