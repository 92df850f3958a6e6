"""What cannot be counted: events nobody understands, and events that the database refuses; neighbours are counted."""

import hashlib
import json
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from talkmeter.db.engine import writing
from talkmeter.db.statements import OnConflict, Row, insert_rows
from talkmeter.db.tables import quarantine
from talkmeter.ingest.receipt import Receipt, make_receipt
from talkmeter.ledger.batch import Reason
from talkmeter.ledger.write import QUARANTINE_LIMIT
from tests.citus_plugin import TEST_STATEMENT
from tests.events import Json, conversation, event
from tests.store.ledger import ORG, Ledger, snapshot_of, works_of

TIMEOUT_SEC = 10
POISON = "poison"
REFUSE = {
    "sqlite": (
        f"CREATE TRIGGER refuse_{{0}} BEFORE INSERT ON {{0}} WHEN NEW.id = '{POISON}' "
        "BEGIN SELECT RAISE(ABORT, 'refused'); END"
    ),
    "postgresql": f"ALTER TABLE {{0}} ADD CONSTRAINT refuse CHECK (id <> '{POISON}')",
}
REFUSE_NOTHING = {"sqlite": "DROP TRIGGER refuse_{0}", "postgresql": "ALTER TABLE {0} DROP CONSTRAINT refuse"}


@pytest.fixture
def poisoned(ledger: Ledger) -> Iterator[Ledger]:
    """A ledger whose database refuses one record, as a fault in it might."""
    database = ledger.engine.dialect.name
    for table in ("conversation", "inventory_item"):
        ledger.change(REFUSE[database].format(table))
    yield ledger
    for table in ("conversation", "inventory_item"):
        ledger.change(REFUSE_NOTHING[database].format(table))


def bins(receipt: Receipt) -> tuple[int, int, list[tuple[int, str]]]:
    """How many were accepted, how many were known, and which were not understood."""
    return receipt.accepted, receipt.duplicate, [(one.index, one.reason.value) for one in receipt.quarantined]


def fill(ledger: Ledger, number: int, org_id: str = ORG) -> None:
    """Put so many events into an organization's quarantine."""
    rows: list[Row] = [
        (org_id, place.to_bytes(16, "big"), "malformed", "", "", 0, 0, 1, 2, "{}", False) for place in range(number)
    ]
    with writing(ledger.engine) as connection:
        insert_rows(connection.execution_options(**TEST_STATEMENT), quarantine, rows, OnConflict.KEEP)


@pytest.mark.parametrize("place", range(5))
def test_only_the_event_that_the_database_refuses_is_quarantined(poisoned: Ledger, place: int) -> None:
    events = [conversation(f"call-{number}") for number in range(4)]
    events.insert(place, conversation(POISON))

    receipt = poisoned.tell(*events)
    again = poisoned.tell(*events)

    assert bins(receipt) == (4, 0, [(place, "refused_by_database")])
    assert receipt.quarantined[0].id == events[place]["id"]
    assert receipt.quarantined[0].kept
    assert bins(again) == (0, 4, [(place, "refused_by_database")])
    assert poisoned.summary().total_calls == 4
    assert poisoned.rows("SELECT reason, times_seen FROM quarantine") == [("refused_by_database", 2)]
    assert poisoned.verify() == []


def test_only_the_sender_of_a_refused_event_hears_of_it(poisoned: Ledger) -> None:
    """Requests that wait together share a transaction; it is undone and each is written alone."""
    requests = {
        "before": works_of(conversation("before-1"), conversation("before-2")),
        "other": works_of(conversation(POISON + "ous", organization_id="b"), org_id=None),
        "guilty": works_of(conversation("left"), conversation(POISON), b"{}", conversation("right")),
        "after": works_of(conversation("after"), b"nonsense"),
    }
    with capture_logs() as logs, poisoned.writer() as writer, poisoned.held() as other:
        answers = {name: writer.submit(works) for name, works in requests.items()}
        other.rollback()
        heard = {name: bins(make_receipt(answer.result(TIMEOUT_SEC))) for name, answer in answers.items()}

    assert [entry["requests"] > 1 for entry in logs if "rejected for its data" in entry["event"]] == [True]
    assert heard == {
        "before": (2, 0, []),
        "other": (1, 0, []),
        "guilty": (2, 0, [(1, "refused_by_database"), (2, "invalid_envelope")]),
        "after": (1, 0, [(1, "malformed")]),
    }
    assert (poisoned.summary().total_calls, poisoned.summary(org_id="b").total_calls) == (5, 1)


def test_a_refused_event_of_one_organization_leaves_the_others_of_its_request(poisoned: Ledger) -> None:
    named = [conversation(POISON, organization_id="a"), conversation("call-1", organization_id="b")]

    receipt = poisoned.tell(*named, org_id=None)

    assert bins(receipt) == (1, 0, [(0, "refused_by_database")])
    assert poisoned.rows("SELECT org_id, reason FROM quarantine") == [("a", "refused_by_database")]
    assert poisoned.summary(org_id="b").total_calls == 1


def test_of_a_refused_event_its_identity_is_kept_and_no_more(poisoned: Ledger) -> None:
    poisoned.tell(conversation(POISON, agent_number="+13125550110"))

    ((kept, complete),) = poisoned.rows("SELECT kept_fields, complete FROM quarantine")
    assert json.loads(kept)["data"] == {"id": POISON, "organization_id": ORG}
    assert not complete


def test_a_snapshot_beside_a_refused_event_still_raises_its_floor(poisoned: Ledger) -> None:
    poisoned.tell(event("agent.updated", {"id": "older"}))

    receipt = poisoned.write(snapshot_of("agent", "2026-03-02T00:00:00Z", "a", POISON, "c"))

    assert bins(receipt) == (2, 0, [(1, "refused_by_database")])
    assert poisoned.summary().total_agents == 2


def test_an_event_nobody_understands_stands_under_its_organization_with_how_often_it_came(ledger: Ledger) -> None:
    broken = conversation(status="exploded")
    raw = json.dumps(broken).encode()
    ledger.tell(raw, raw)
    receipt = ledger.tell(raw, conversation("beside"))

    ((org_id, hash_, reason, credential, times_seen, size),) = ledger.rows(
        "SELECT org_id, hash, reason, credential_id, times_seen, size FROM quarantine"
    )
    assert bins(receipt) == (1, 0, [(0, "invalid_data")])
    assert (org_id, reason, credential, times_seen) == (ORG, "invalid_data", f"key of {ORG}", 3)
    assert (hash_, size) == (hashlib.sha256(raw).digest()[:16], len(raw))


def test_when_an_event_was_first_seen_never_changes_and_when_it_was_last_seen_does(ledger: Ledger) -> None:
    ledger.tell(b"nonsense")
    (first,) = ledger.rows("SELECT first_seen_at, last_seen_at FROM quarantine")
    ledger.tell(b"nonsense")
    (again,) = ledger.rows("SELECT first_seen_at, last_seen_at FROM quarantine")

    assert first[0] == first[1] == again[0] < again[1]


def test_known_fields_are_kept_cut_at_256_characters_and_nothing_else(ledger: Ledger) -> None:
    broken: Json = {
        **conversation(status="s" * 300, agent_id=["no", "scalar"], duration=1.5),
        "transcript": "Hello, my card number is",
    }
    data = broken["data"]
    assert isinstance(data, dict)
    data["caller_number"] = "+13125550199"
    ledger.tell(broken)

    ((kept, complete),) = ledger.rows("SELECT kept_fields, complete FROM quarantine")
    fields = json.loads(kept)
    assert fields["data"]["status"] == "s" * 256
    assert fields["data"]["duration"] == 1.5
    assert not {"transcript", "caller_number", "agent_id"} & {*fields, *fields["data"]}
    assert not complete


def test_an_event_of_a_sender_that_names_no_organization_stands_under_none(ledger: Ledger) -> None:
    receipt = ledger.tell(conversation(), org_id=None)

    assert bins(receipt) == (0, 0, [(0, "missing_organization")])
    assert ledger.rows("SELECT org_id FROM quarantine") == [("",)]
    assert ledger.rows("SELECT * FROM organization_directory") == []


def test_a_foreign_event_stands_under_the_organization_that_sent_it(ledger: Ledger) -> None:
    receipt = ledger.tell(conversation(organization_id="victim"))

    assert bins(receipt) == (0, 0, [(0, "foreign_organization")])
    assert ledger.rows("SELECT org_id FROM quarantine") == [(ORG,)]
    assert ledger.summary(org_id="victim").total_calls == 0


def test_a_full_quarantine_keeps_no_more_but_counts_what_it_knows(ledger: Ledger) -> None:
    fill(ledger, QUARANTINE_LIMIT - 1)

    with capture_logs() as logs:
        receipt = ledger.tell(b"one", b"two", b"one", conversation())
    again = ledger.tell(b"two", b"one")

    assert [one.kept for one in receipt.quarantined] == [True, False, True]
    assert receipt.accepted == 1
    assert [one.kept for one in again.quarantined] == [False, True]
    assert [entry["events_not_kept"] for entry in logs if entry["event"] == "quarantine full"] == [1]
    assert ledger.rows("SELECT count(*) FROM quarantine") == [(QUARANTINE_LIMIT,)]
    assert ledger.rows("SELECT times_seen FROM quarantine WHERE size = 3") == [(3,)]


def test_the_limit_is_each_organizations_own(ledger: Ledger) -> None:
    fill(ledger, QUARANTINE_LIMIT, "full")

    assert QUARANTINE_LIMIT == 10_000
    assert [one.kept for one in ledger.tell(b"nonsense", org_id="full").quarantined] == [False]
    assert [one.kept for one in ledger.tell(b"nonsense", org_id=ORG).quarantined] == [True]


def test_reasons_are_a_closed_set() -> None:
    assert {reason.value for reason in Reason} == {
        "malformed",
        "invalid_envelope",
        "unknown_type",
        "invalid_data",
        "out_of_range",
        "missing_organization",
        "foreign_organization",
        "refused_by_database",
    }
