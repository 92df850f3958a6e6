"""Verify: every mismatch between daily totals, records and history is reported in a sentence, and can be repaired."""

import pytest
from sqlalchemy import Table

from talkmeter.db import tables
from talkmeter.ledger.history import prune
from talkmeter.period import MICROSECONDS_PER_DAY
from tests.events import conversation, event, run
from tests.store.ledger import ORG, Ledger

ENDED = conversation("call-1", agent_id="ann")
RINGING = conversation("call-1", agent_id="ann", status="ringing", duration=None) | {"time": "2026-03-01T11:59:30Z"}
TEXT = conversation("call-2", channel="text", created_at="2026-03-05T00:00:00Z", duration=30)
EVENTS = [
    RINGING,
    ENDED,
    TEXT,
    run("run-1", workflow_id="wf"),
    event("agent.updated", {"id": "ann", "name": "Ann"}),
    event("phone_number.updated", {"id": "+1", "shared": True}),
    event("conversation.deleted", {"id": "gone"}),
]


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """A ledger with every kind of record and without discrepancies."""
    ledger.send(*EVENTS)
    assert ledger.verify() == []
    return ledger


def columns_without_stored_at(table: Table) -> str:
    return ", ".join(column.name for column in table.columns if column.name != "stored_at")


def contents(ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
    """Return all records, history and nonzero totals, without their storage times."""
    record_tables = (tables.conversation, tables.workflow_execution, tables.inventory_item, tables.record_state)
    records = {
        table.name: ledger.rows(f"SELECT {columns_without_stored_at(table)} FROM {table.name}")
        for table in record_tables
    }
    totals = [(*row[:17], *row[18:]) for row in ledger.rows("SELECT * FROM usage_daily") if any(row[4:17])]
    return {name: sorted(rows, key=repr) for name, rows in {**records, "usage_daily": totals}.items()}


def test_intact_ledger_has_no_discrepancy(filled: Ledger) -> None:
    assert filled.verify() == []
    assert filled.verify(repair=True) == []


def test_organization_without_records_has_no_discrepancy(ledger: Ledger) -> None:
    assert ledger.verify() == []


DAMAGES = {
    "total too high": (
        "UPDATE usage_daily SET calls = calls + 1, voice_ms = 1 WHERE dimension = 'agent' AND value = 'ann'",
        ["2026-03-01 agent 'ann': calls is 2, the records say 1; voice_ms is 1, the records say 60000."],
    ),
    "total missing": (
        "DELETE FROM usage_daily WHERE dimension = 'workflow' AND value = 'wf'",
        ["2026-03-01 workflow 'wf': runs is 0, the records say 1; runs_success is 0, the records say 1."],
    ),
    "monthly total too high": (
        "UPDATE usage_monthly SET calls = 9, voice_ms = 1",
        ["2026-03: calls is 9, the days say 2; voice_ms is 1, the days say 60000."],
    ),
    "monthly total missing": (
        "DELETE FROM usage_monthly",
        [
            (
                "2026-03: calls is 0, the days say 2; voice_calls is 0, the days say 1; "
                "chat_calls is 0, the days say 1; inbound_calls is 0, the days say 2; "
                "timed_calls is 0, the days say 2; voice_ms is 0, the days say 60000; "
                "chat_ms is 0, the days say 30000; runs is 0, the days say 1; runs_success is 0, the days say 1."
            )
        ],
    ),
    "monthly total of a month without days": (
        (
            "UPDATE usage_monthly SET month = month + 1, calls = 1, voice_calls = 0, chat_calls = 0, "
            "inbound_calls = 0, timed_calls = 0, voice_ms = 0, chat_ms = 0, runs = 0, runs_success = 0"
        ),
        [
            (
                "2026-03: calls is 0, the days say 2; voice_calls is 0, the days say 1; "
                "chat_calls is 0, the days say 1; inbound_calls is 0, the days say 2; "
                "timed_calls is 0, the days say 2; voice_ms is 0, the days say 60000; "
                "chat_ms is 0, the days say 30000; runs is 0, the days say 1; runs_success is 0, the days say 1."
            ),
            "2026-04: calls is 1, the days say 0.",
        ],
    ),
    "total of a day without records": (
        (
            "INSERT INTO usage_daily SELECT org_id, dimension, day + 1000, value, calls, voice_calls, chat_calls, "
            "inbound_calls, outbound_calls, timed_calls, live_calls, voice_ms, chat_ms, 7, 0, 0, 0, NULL, 0, 0, 0, 0 "
            "FROM usage_daily WHERE dimension = 'status' AND value = 'completed' AND chat_calls = 1"
        ),
        [
            (
                "2028-11-29 status 'completed': calls is 1, the records say 0; chat_calls is 1, the records say 0; "
                "inbound_calls is 1, the records say 0; timed_calls is 1, the records say 0; "
                "chat_ms is 30000, the records say 0; runs is 7, the records say 0."
            )
        ],
    ),
    "total of a value without records": (
        "UPDATE usage_daily SET value = 'nobody' WHERE dimension = 'agent' AND value = 'ann'",
        [
            (
                "2026-03-01 agent 'ann': calls is 0, the records say 1; voice_calls is 0, the records say 1; "
                "inbound_calls is 0, the records say 1; timed_calls is 0, the records say 1; "
                "voice_ms is 0, the records say 60000; billed_1_1_sec is 0, the records say 60; "
                "billed_6_6_sec is 0, the records say 60; billed_30_6_sec is 0, the records say 60; "
                "billed_60_60_sec is 0, the records say 60."
            ),
            (
                "2026-03-01 agent 'nobody': calls is 1, the records say 0; voice_calls is 1, the records say 0; "
                "inbound_calls is 1, the records say 0; timed_calls is 1, the records say 0; "
                "voice_ms is 60000, the records say 0; billed_1_1_sec is 60, the records say 0; "
                "billed_6_6_sec is 60, the records say 0; billed_30_6_sec is 60, the records say 0; "
                "billed_60_60_sec is 60, the records say 0."
            ),
        ],
    ),
}


@pytest.mark.parametrize(("statement", "sentences"), DAMAGES.values(), ids=DAMAGES)
def test_wrong_daily_total_is_reported_and_repaired(filled: Ledger, statement: str, sentences: list[str]) -> None:
    before = contents(filled)
    filled.damage(statement)

    assert filled.verify() == sentences
    assert filled.verify(repair=True) == sentences
    assert filled.verify() == []
    assert contents(filled) == before


DAMAGED_RECORDS = {
    "wrong duration": "UPDATE conversation SET duration_ms = 1 WHERE id = 'call-1'",
    "no duration": "UPDATE conversation SET duration_ms = NULL WHERE id = 'call-1'",
    "wrong day": f"UPDATE conversation SET created_at = created_at + {3 * MICROSECONDS_PER_DAY} WHERE id = 'call-1'",
    "wrong time": "UPDATE conversation SET time = 0 WHERE id = 'call-1'",
    "no agent": "UPDATE conversation SET agent_id = NULL WHERE id = 'call-1'",
    "unknown status": "UPDATE conversation SET status = 'exploded' WHERE id = 'call-1'",
    "no direction": "UPDATE conversation SET direction = NULL WHERE id = 'call-1'",
    "missing record": "DELETE FROM conversation WHERE id = 'call-1'",
    "wrong deletion": "UPDATE conversation SET deleted = true, created_at = NULL WHERE id = 'call-1'",
    "wrong status of a run": "UPDATE workflow_execution SET status = 'failed' WHERE id = 'run-1'",
    "wrong name": "UPDATE inventory_item SET name = 'Bob' WHERE id = 'ann'",
    "number not shared": "UPDATE inventory_item SET shared = false WHERE id = '+1'",
}


@pytest.mark.parametrize("statement", DAMAGED_RECORDS.values(), ids=DAMAGED_RECORDS)
def test_record_that_differs_from_its_history_is_reported_and_repaired(filled: Ledger, statement: str) -> None:
    before, summary = contents(filled), filled.summary()
    filled.damage(statement)

    sentences = filled.verify()

    id_ = next(id_ for id_ in ("call-1", "run-1", "ann", "+1") if f"'{id_}'" in statement)
    assert any(f"'{id_}': " in sentence for sentence in sentences), sentences
    assert all(sentence.endswith(".") for sentence in sentences)
    assert filled.verify(repair=True)[0] == sentences[0]
    assert filled.verify() == []
    assert contents(filled) == before
    assert filled.summary().total_calls == summary.total_calls


def test_event_sent_again_after_its_state_was_lost_restores_the_record(filled: Ledger) -> None:
    """Without the later state, repair restores the earlier one; sending the event again restores the later one."""
    before = contents(filled)
    ((ended,),) = filled.rows("SELECT hash FROM conversation WHERE id = 'call-1'")
    filled.damage("DELETE FROM record_state WHERE hash = :hash", hash=ended)
    filled.damage("DELETE FROM conversation WHERE id = 'call-1'")
    filled.verify(repair=True)
    assert filled.rows("SELECT status FROM conversation WHERE id = 'call-1'") == [("ringing",)]

    filled.send(ENDED)

    assert filled.verify() == []
    assert contents(filled) == before


def test_damaged_record_without_history_is_reported_and_counted_as_stored(ledger: Ledger) -> None:
    ledger.send(ENDED, keep_history=False)
    ledger.damage("UPDATE conversation SET duration_ms = 1 WHERE id = 'call-1'")

    first = ledger.verify(repair=True)

    assert first[0] == "conversation 'call-1': its columns do not match its hash, and no history can restore it."
    assert ledger.verify() == first[:1]
    assert ledger.summary().voice_duration_ms == 1


def test_record_with_pruned_history_has_no_discrepancy(filled: Ledger) -> None:
    prune(filled.engine, 2**62)

    assert filled.verify() == []


def test_repair_changes_the_revision_but_not_last_event_at(filled: Ledger) -> None:
    """A page with the wrong figures must reload them, and no new event has arrived."""
    before = filled.revision()
    filled.damage("UPDATE usage_daily SET calls = 9 WHERE dimension = 'channel' AND value = 'text'")
    filled.verify()
    assert filled.revision() == before

    filled.verify(repair=True)

    assert filled.revision().revision != before.revision
    assert filled.revision().last_event_at == before.last_event_at


def test_repair_does_not_change_other_organizations(filled: Ledger) -> None:
    filled.send(conversation("call-1", organization_id="other"), org_id=None)
    filled.damage("UPDATE usage_daily SET calls = 9 WHERE org_id = 'other' AND dimension = 'total'")
    before = contents(filled)

    assert filled.verify(repair=True) == []
    assert contents(filled) == before
    assert filled.summary(org_id=ORG).total_calls == 2


def test_more_records_than_one_step_are_all_verified(ledger: Ledger) -> None:
    ledger.send(*(conversation(f"call-{number:04}") for number in range(1_200)))
    ledger.damage("UPDATE conversation SET status = 'failed' WHERE id = 'call-1199'")

    assert any("'call-1199'" in sentence for sentence in ledger.verify())
