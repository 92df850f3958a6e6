"""What a batch writes: winning states, history and totals, or nothing if it changes nothing."""

from itertools import permutations
from random import Random

import pytest

from talkmeter.db.engine import reading
from talkmeter.ingest.filling import fill_update
from talkmeter.ledger.batch import OrgBatch
from talkmeter.ledger.states import read_winning_states
from talkmeter.records import INVENTORY_KINDS, Kind, RecordKey, State, rank
from tests.events import Json, conversation, event, run
from tests.store.ledger import ORG, Ledger, make_batches, make_snapshot, write_statements


def parse_state(event: Json) -> State:
    (batch,) = make_batches(event)
    ((_, state),) = batch.events
    assert isinstance(state, State)
    return state


def history_of(id_: str) -> list[Json]:
    """Return four events with the same id for a call: live, ended, ended with another duration, live again."""
    states: list[tuple[str, Json]] = [
        ("2026-03-01T12:00:00Z", {"status": "ringing", "duration": None}),
        ("2026-03-01T12:01:00Z", {"status": "completed", "duration": 60}),
        ("2026-03-01T12:01:00Z", {"status": "completed", "duration": 61}),
        ("2026-03-01T12:02:00Z", {"status": "ringing", "duration": None}),
    ]
    return [conversation(id_, **fields) | {"time": time, "id": "same"} for time, fields in states]


STATES = history_of("call-1")
EVERYTHING = [
    conversation(),
    conversation("call-2", status="ringing"),
    run(),
    *(event(f"{kind}.updated", {"id": "item"}) for kind in INVENTORY_KINDS),
    *(event(f"{kind}.deleted", {"id": "gone"}) for kind in Kind),
]


@pytest.mark.parametrize("keep_history", [True, False])
def test_batch_of_duplicates_writes_nothing(ledger: Ledger, keep_history: bool) -> None:
    ledger.send(*EVERYTHING, keep_history=keep_history)
    ledger.write(make_snapshot("agent", "2026-03-02T00:00:00Z", "a"), keep_history=keep_history)
    revision = ledger.revision()
    with ledger.executed() as sent:
        receipt = ledger.send(*reversed(EVERYTHING), *EVERYTHING, keep_history=keep_history)
        again = ledger.write(make_snapshot("agent", "2026-03-02T00:00:00Z", "a"), keep_history=keep_history)
    with ledger.executed() as sent_later:
        ledger.send(conversation("new"), keep_history=keep_history)

    assert (receipt.accepted, receipt.duplicate, receipt.stale) == (0, 2 * len(EVERYTHING), 0)
    assert (again.accepted, again.duplicate) == (0, 1)
    assert sent
    assert write_statements(sent) == []
    assert write_statements(sent_later) != []
    assert ledger.revision() != revision


def test_repeated_stale_event_writes_nothing(ledger: Ledger) -> None:
    ledger.send(*STATES)
    revision = ledger.revision()
    with ledger.executed() as sent:
        receipt = ledger.send(STATES[0], STATES[3])

    assert receipt.stale == 2
    assert sent
    assert write_statements(sent) == []
    assert ledger.revision() == revision


def test_new_event_changes_the_revision_and_last_event_at(ledger: Ledger) -> None:
    ledger.send(conversation("call-1"))
    first = ledger.revision()
    ledger.send(conversation("call-2"))
    second = ledger.revision()

    assert first.revision != second.revision
    assert first.last_event_at is not None
    assert second.last_event_at is not None
    assert first.last_event_at < second.last_event_at
    assert ledger.rows("SELECT max(stored_at) FROM conversation") == [(second.last_event_at,)]


def test_history_has_every_state_including_losing_ones(ledger: Ledger) -> None:
    ledger.send(STATES[1])
    receipt = ledger.send(STATES[0], STATES[3], STATES[1], STATES[0])

    kept = ledger.rows("SELECT hash FROM record_state ORDER BY time")
    assert (receipt.stale, receipt.duplicate) == (3, 1)
    assert kept == [(parse_state(state).hash,) for state in (STATES[0], STATES[1], STATES[3])]


def test_without_history_only_the_winning_state_is_stored(ledger: Ledger) -> None:
    ledger.send(*STATES, *EVERYTHING, keep_history=False)

    assert ledger.rows("SELECT * FROM record_state") == []
    assert ledger.summary().total_calls == 2
    assert ledger.verify() == []


def test_each_event_of_a_batch_has_exactly_one_result(ledger: Ledger) -> None:
    receipt = ledger.send(STATES[0], STATES[1], STATES[1], STATES[0], STATES[2], b"{}")

    assert (receipt.accepted, receipt.duplicate, receipt.conflicting, receipt.stale) == (2, 1, 1, 1)
    assert [(event.index, event.reason) for event in receipt.quarantined] == [(5, "invalid_envelope")]


def test_record_is_its_highest_state_in_every_order_of_arrival(ledger: Ledger) -> None:
    """One record for each order; half of the orders as one batch, half event by event."""
    orders = permutations(range(len(STATES)))
    events_by_id = {
        f"call-{number}": [history_of(f"call-{number}")[index] for index in order]
        for number, order in enumerate(orders)
    }
    with ledger.writer() as writer:
        futures = []
        for number, events in enumerate(events_by_id.values()):
            requests = [events] if number % 2 else [[single] for single in events]
            futures += [future for request in requests for future in writer.submit(make_batches(*request))]
        for future in futures:
            future.result(timeout=30)

    keys = {id_: RecordKey(Kind.CONVERSATION, id_) for id_ in events_by_id}
    with reading(ledger.engine) as connection:
        winners = read_winning_states(connection, ORG, keys.values())
    assert winners == {keys[id_]: max(map(parse_state, events), key=rank) for id_, events in events_by_id.items()}
    assert ledger.verify() == []


@pytest.mark.parametrize("sent", EVERYTHING, ids=lambda sent: f"{sent['type']} {sent['data']['id']}")
def test_stored_winning_state_equals_the_sent_one(ledger: Ledger, sent: Json) -> None:
    state = parse_state(sent)
    ledger.send(sent)

    key = RecordKey(state.kind, state.id)
    with reading(ledger.engine) as connection:
        assert read_winning_states(connection, ORG, [key, RecordKey(Kind.AGENT, "unknown")]) == {key: state}


def test_deletion_of_an_unknown_record_wins_over_a_late_event(ledger: Ledger) -> None:
    ledger.send(event("conversation.deleted", {"id": "call-1"}, time="2026-03-01T00:00:00Z"))
    receipt = ledger.send(conversation("call-1"))

    assert (receipt.accepted, receipt.stale) == (0, 1)
    assert ledger.summary().total_calls == 0


def test_record_moved_to_another_day_is_counted_only_there(ledger: Ledger) -> None:
    ledger.send(conversation(created_at="2026-03-01T10:00:00Z"))
    ledger.send(conversation(created_at="2026-03-09T10:00:00Z") | {"time": "2026-03-09T12:00:00Z"})

    assert {day.day: day.calls for day in ledger.summary().daily if day.calls} == {"2026-03-09": 1}


def test_same_id_in_two_organizations_is_two_records(ledger: Ledger) -> None:
    ledger.send(conversation("call-1", organization_id="a"), conversation("call-1", organization_id="b"), org_id=None)

    assert [ledger.summary(org_id=org_id).total_calls for org_id in ("a", "b", ORG)] == [1, 1, 0]


def test_more_rows_than_one_statement_are_all_written(ledger: Ledger) -> None:
    events = [conversation(f"call-{number}", agent_id=f"agent-{number}") for number in range(2_500)]
    Random("order").shuffle(events)
    receipt = ledger.send(*events)
    again = ledger.send(*events)

    assert (receipt.accepted, again.duplicate) == (2_500, 2_500)
    assert ledger.summary().total_calls == 2_500
    assert ledger.verify() == []


def test_fill_sets_only_empty_fields_and_never_changes_the_time(ledger: Ledger) -> None:
    stored = conversation("call-1", duration=None, agent_number="+1555") | {"time": "2026-03-01T12:00:00Z"}
    rows = [
        conversation(id_, duration=30, agent_id="ann", direction="outbound") | {"time": "2026-03-02T12:00:00Z"}
        for id_ in ("call-1", "new")
    ]
    ledger.send(stored)
    fill = [OrgBatch(ORG, "key", [(index, fill_update(parse_state(row))) for index, row in enumerate(rows)])]

    first, second = ledger.write(fill), ledger.write(fill)

    assert (first.accepted, second.accepted, second.duplicate) == (2, 0, 2)
    keys = [RecordKey(Kind.CONVERSATION, id_) for id_ in ("call-1", "new")]
    with reading(ledger.engine) as connection:
        filled, new = (read_winning_states(connection, ORG, keys)[key] for key in keys)
    assert filled.time == parse_state(stored).time
    assert (
        filled.record == parse_state(conversation("call-1", duration=30, agent_number="+1555", agent_id="ann")).record
    )
    assert new.record == parse_state(rows[1]).record
    later = conversation("call-1", duration=45) | {"time": "2026-03-01T12:00:01Z"}
    assert ledger.send(later).accepted == 1
    assert ledger.verify() == []
