"""Erasing one record's identifying data: it is gone everywhere, stays gone, and the record counts as before."""

import pytest

from talkmeter import clock
from talkmeter.db.audit import Actor
from talkmeter.db.engine import writing
from talkmeter.ledger.batch import OrgBatch, PartialUpdate
from talkmeter.ledger.closing import begin_merge
from talkmeter.ledger.erased import erase_record
from talkmeter.ledger.merge import merge_usage
from talkmeter.ledger.organization_rows import lock_organization
from talkmeter.records import Conversation, Kind, RecordKey
from tests.events import conversation, event
from tests.store.call_reports import CREATED
from tests.store.ledger import ORG, Ledger

NUMBER = "+15550123"
CALL = conversation("call-1", agent_number=NUMBER)
RINGING = conversation("call-1", status="ringing", duration=None, agent_number=NUMBER) | {
    "time": "2026-03-01T11:59:30Z"
}
BAD = conversation("call-1", agent_number=NUMBER, status=f"exploded {NUMBER}")
OTHER = conversation("call-2", agent_number="+1999")


def erase(ledger: Ledger, kind: Kind = Kind.CONVERSATION, id_: str = "call-1", org_id: str = ORG) -> bool:
    with writing(ledger.engine) as connection:
        lock_organization(connection, org_id)
        return erase_record(connection, org_id, RecordKey(kind, id_))


def stored(ledger: Ledger) -> str:
    """Return everything that is stored, as one text."""
    names = ("conversation", "record_state", "quarantine", "usage_daily", "inventory_item")
    rows = [row for name in names for row in ledger.rows(f"SELECT * FROM {name}")]
    return " ".join(bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                    for row in rows for value in row)  # fmt: skip


@pytest.fixture
def erased(ledger: Ledger) -> Ledger:
    """A ledger with one erased record."""
    ledger.send(RINGING, CALL, BAD, OTHER)
    assert NUMBER in stored(ledger)
    assert erase(ledger)
    return ledger


def test_number_is_gone_everywhere_and_the_record_counts(erased: Ledger) -> None:
    assert NUMBER not in stored(erased)
    assert "+1999" in stored(erased)
    assert (erased.summary().total_calls, erased.summary().voice_duration_ms) == (2, 120_000)
    assert erased.rows("SELECT count(*) FROM record_state") == [(3,)]
    assert erased.verify() == []


def test_event_that_is_sent_again_is_a_duplicate_and_restores_nothing(erased: Ledger) -> None:
    assert (erased.send(CALL).duplicate, erased.send(RINGING).stale) == (1, 1)
    assert NUMBER not in stored(erased)


def test_later_events_are_erased_too(erased: Ledger) -> None:
    corrected = conversation("call-1", agent_number=NUMBER, duration=90) | {"time": "2026-03-02T00:00:00Z"}

    assert erased.send(corrected).accepted == 1
    assert NUMBER not in stored(erased)
    assert (erased.summary().voice_duration_ms, erased.verify()) == (150_000, [])


def test_later_invalid_event_is_kept_without_its_data(erased: Ledger) -> None:
    receipt = erased.send({**BAD, "id": "bad again"})

    assert [entry.reason for entry in receipt.quarantined] == ["invalid_data"]
    assert NUMBER not in stored(erased)


def test_partial_updates_are_erased_too(erased: Ledger) -> None:
    def merge(_stored: Conversation | None) -> Conversation:
        return Conversation("telephone", "inbound", "completed", CREATED, 5_000, "voice", None, NUMBER)

    update = PartialUpdate(ORG, "call-1", merge, CREATED + 10**12, "/hooks", "1")
    erased.write([OrgBatch(ORG, "connector", [(0, update)])])

    assert NUMBER not in stored(erased)
    assert erased.summary().voice_duration_ms == 65_000


def test_name_of_an_item_is_erased(ledger: Ledger) -> None:
    ledger.send(event("agent.updated", {"id": "ann", "name": "Ann Example"}))

    assert erase(ledger, Kind.AGENT, "ann")

    assert "Ann Example" not in stored(ledger)
    assert ledger.summary().total_agents == 1


def test_record_that_does_not_exist_is_erased_when_it_arrives(ledger: Ledger) -> None:
    assert not erase(ledger)
    ledger.send(CALL)

    assert NUMBER not in stored(ledger)
    assert ledger.summary().total_calls == 1


def test_merge_erases_in_the_target_too(erased: Ledger) -> None:
    erased.send(CALL, org_id="other")
    with writing(erased.engine) as connection:
        begin_merge(connection, ORG, "other", Actor("operator", "root"), clock.now())
    for _ in merge_usage(erased.engine, ORG, "other"):
        pass

    assert NUMBER not in stored(erased)
    assert erased.send(CALL | {"id": "again", "time": "2026-04-01T00:00:00Z"}, org_id="other").accepted == 1
    assert NUMBER not in stored(erased)
    assert (erased.summary(org_id="other").total_calls, erased.verify("other")) == (2, [])
