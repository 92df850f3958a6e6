"""Verifying: whatever is not as the records and their history say is told in a sentence, and mended."""

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
def told(ledger: Ledger) -> Ledger:
    """A ledger of every kind of record, all in order."""
    ledger.tell(*EVENTS)
    assert ledger.verify() == []
    return ledger


def but_arrival(table: Table) -> str:
    """The columns of a table, but for when a row was stored."""
    return ", ".join(column.name for column in table.columns if column.name != "stored_at")


def contents(ledger: Ledger) -> dict[str, list[tuple[object, ...]]]:
    """All that answers are made of: records, history and totals that are not 0, without when each was stored."""
    of_records = (tables.conversation, tables.workflow_execution, tables.inventory_item, tables.record_state)
    records = {table.name: ledger.rows(f"SELECT {but_arrival(table)} FROM {table.name}") for table in of_records}
    totals = [row[:-1] for row in ledger.rows("SELECT * FROM usage_daily") if any(row[4:-1])]
    return {name: sorted(rows, key=repr) for name, rows in {**records, "usage_daily": totals}.items()}


def test_an_intact_ledger_has_no_difference(told: Ledger) -> None:
    assert told.verify() == []
    assert told.verify(repair=True) == []


def test_an_organization_without_records_has_no_difference(ledger: Ledger) -> None:
    assert ledger.verify() == []


DAMAGES = {
    "a total that is too high": (
        "UPDATE usage_daily SET calls = calls + 1, voice_ms = 1 WHERE dimension = 'agent' AND value = 'ann'",
        ["2026-03-01 agent 'ann': calls is 2, the records say 1; voice_ms is 1, the records say 60000."],
    ),
    "a total that is gone": (
        "DELETE FROM usage_daily WHERE dimension = 'workflow' AND value = 'wf'",
        ["2026-03-01 workflow 'wf': runs is 0, the records say 1; runs_success is 0, the records say 1."],
    ),
    "a total of a day without records": (
        (
            "INSERT INTO usage_daily SELECT org_id, dimension, day + 1000, value, calls, voice_calls, chat_calls, "
            "inbound_calls, outbound_calls, timed_calls, live_calls, voice_ms, chat_ms, 7, 0, 0, 0, NULL "
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
    "a total under a value nobody has": (
        "UPDATE usage_daily SET value = 'nobody' WHERE dimension = 'agent' AND value = 'ann'",
        [
            (
                "2026-03-01 agent 'ann': calls is 0, the records say 1; voice_calls is 0, the records say 1; "
                "inbound_calls is 0, the records say 1; timed_calls is 0, the records say 1; "
                "voice_ms is 0, the records say 60000."
            ),
            (
                "2026-03-01 agent 'nobody': calls is 1, the records say 0; voice_calls is 1, the records say 0; "
                "inbound_calls is 1, the records say 0; timed_calls is 1, the records say 0; "
                "voice_ms is 60000, the records say 0."
            ),
        ],
    ),
}


@pytest.mark.parametrize(("statement", "sentences"), DAMAGES.values(), ids=DAMAGES)
def test_a_daily_total_that_is_not_the_sum_of_its_records_is_told_and_mended(
    told: Ledger, statement: str, sentences: list[str]
) -> None:
    before = contents(told)
    told.damage(statement)

    assert told.verify() == sentences
    assert told.verify(repair=True) == sentences
    assert told.verify() == []
    assert contents(told) == before


DAMAGED_RECORDS = {
    "its duration": "UPDATE conversation SET duration_ms = 1 WHERE id = 'call-1'",
    "no duration": "UPDATE conversation SET duration_ms = NULL WHERE id = 'call-1'",
    "its day": f"UPDATE conversation SET created_at = created_at + {3 * MICROSECONDS_PER_DAY} WHERE id = 'call-1'",
    "an earlier time": "UPDATE conversation SET time = 0 WHERE id = 'call-1'",
    "its agent": "UPDATE conversation SET agent_id = NULL WHERE id = 'call-1'",
    "a word nobody knows": "UPDATE conversation SET status = 'exploded' WHERE id = 'call-1'",
    "a field that is missing": "UPDATE conversation SET direction = NULL WHERE id = 'call-1'",
    "the record is gone": "DELETE FROM conversation WHERE id = 'call-1'",
    "a deletion nobody told": "UPDATE conversation SET deleted = true, created_at = NULL WHERE id = 'call-1'",
    "a run that failed": "UPDATE workflow_execution SET status = 'failed' WHERE id = 'run-1'",
    "a name": "UPDATE inventory_item SET name = 'Bob' WHERE id = 'ann'",
    "a number no longer shared": "UPDATE inventory_item SET shared = false WHERE id = '+1'",
}


@pytest.mark.parametrize("statement", DAMAGED_RECORDS.values(), ids=DAMAGED_RECORDS)
def test_a_record_that_is_not_what_its_history_says_is_told_and_mended(told: Ledger, statement: str) -> None:
    before, summary = contents(told), told.summary()
    told.damage(statement)

    sentences = told.verify()

    id_ = next(id_ for id_ in ("call-1", "run-1", "ann", "+1") if f"'{id_}'" in statement)
    assert any(f"'{id_}': " in sentence for sentence in sentences), sentences
    assert all(sentence.endswith(".") for sentence in sentences)
    assert told.verify(repair=True)[0] == sentences[0]
    assert told.verify() == []
    assert contents(told) == before
    assert told.summary().total_calls == summary.total_calls


def test_a_record_behind_its_history_is_brought_up_to_its_greatest_state(told: Ledger) -> None:
    """As if the later state had never reached the record: its row and its totals are those of the earlier one."""
    before = contents(told)
    ((ended,),) = told.rows("SELECT hash FROM conversation WHERE id = 'call-1'")
    told.damage("DELETE FROM record_state WHERE hash = :hash", hash=ended)
    told.damage("DELETE FROM conversation WHERE id = 'call-1'")
    told.verify(repair=True)
    assert told.rows("SELECT status FROM conversation WHERE id = 'call-1'") == [("ringing",)]

    told.tell(ENDED)

    assert told.verify() == []
    assert contents(told) == before


def test_a_damaged_record_without_history_is_told_and_counted_as_it_stands(ledger: Ledger) -> None:
    ledger.tell(ENDED, keep_history=False)
    ledger.damage("UPDATE conversation SET duration_ms = 1 WHERE id = 'call-1'")

    first = ledger.verify(repair=True)

    assert first[0] == "conversation 'call-1': its columns do not match its hash, and no history can restore it."
    assert ledger.verify() == first[:1]
    assert ledger.summary().voice_duration_ms == 1


def test_a_record_whose_losing_states_were_pruned_is_in_order(told: Ledger) -> None:
    prune(told.engine, 2**62)

    assert told.verify() == []


def test_a_repair_gives_a_new_revision_and_leaves_when_the_newest_event_was_stored(told: Ledger) -> None:
    """So a page that holds the damaged numbers fetches them anew, and no event is claimed that never came."""
    before = told.revision()
    told.damage("UPDATE usage_daily SET calls = 9 WHERE dimension = 'channel' AND value = 'text'")
    told.verify()
    assert told.revision() == before

    told.verify(repair=True)

    assert told.revision().revision != before.revision
    assert told.revision().last_event_at == before.last_event_at


def test_other_organizations_are_left_alone(told: Ledger) -> None:
    told.tell(conversation("call-1", organization_id="other"), org_id=None)
    told.damage("UPDATE usage_daily SET calls = 9 WHERE org_id = 'other' AND dimension = 'total'")
    before = contents(told)

    assert told.verify(repair=True) == []
    assert contents(told) == before
    assert told.summary(org_id=ORG).total_calls == 2


def test_more_records_than_one_step_takes_are_all_verified(ledger: Ledger) -> None:
    ledger.tell(*(conversation(f"call-{number:04}") for number in range(1_200)))
    ledger.damage("UPDATE conversation SET status = 'failed' WHERE id = 'call-1199'")

    assert any("'call-1199'" in sentence for sentence in ledger.verify())
