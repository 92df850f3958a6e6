"""What one batch leaves in the tables: winners, history, totals; and nothing at all where it says nothing new."""

from itertools import permutations
from random import Random

import pytest

from talkmeter.db.engine import reading
from talkmeter.ledger.states import read_winning_states
from talkmeter.records import INVENTORY_KINDS, Kind, RecordKey, State, rank
from tests.events import Json, conversation, event, run
from tests.store.ledger import ORG, Ledger, snapshot_of, works_of, writes_of


def state_of(one: Json) -> State:
    (work,) = works_of(one).values()
    ((_, arrival),) = work.events
    assert isinstance(arrival, State)
    return arrival


def history_of(id_: str) -> list[Json]:
    """Four states of one call, told in one event's name: live, ended, ended otherwise, live again."""
    told: list[tuple[str, Json]] = [
        ("2026-03-01T12:00:00Z", {"status": "ringing", "duration": None}),
        ("2026-03-01T12:01:00Z", {"status": "completed", "duration": 60}),
        ("2026-03-01T12:01:00Z", {"status": "completed", "duration": 61}),
        ("2026-03-01T12:02:00Z", {"status": "ringing", "duration": None}),
    ]
    return [conversation(id_, **fields) | {"time": time, "id": "same"} for time, fields in told]


STATES = history_of("call-1")
EVERYTHING = [
    conversation(),
    conversation("call-2", status="ringing"),
    run(),
    *(event(f"{kind}.updated", {"id": "item"}) for kind in INVENTORY_KINDS),
    *(event(f"{kind}.deleted", {"id": "gone"}) for kind in Kind),
]


@pytest.mark.parametrize("keep_history", [True, False])
def test_a_batch_of_duplicates_writes_nothing(ledger: Ledger, keep_history: bool) -> None:
    ledger.tell(*EVERYTHING, keep_history=keep_history)
    ledger.write(snapshot_of("agent", "2026-03-02T00:00:00Z", "a"), keep_history=keep_history)
    revision = ledger.revision()
    with ledger.sent() as sent:
        receipt = ledger.tell(*reversed(EVERYTHING), *EVERYTHING, keep_history=keep_history)
        again = ledger.write(snapshot_of("agent", "2026-03-02T00:00:00Z", "a"), keep_history=keep_history)
    with ledger.sent() as sent_later:
        ledger.tell(conversation("new"), keep_history=keep_history)

    assert (receipt.accepted, receipt.duplicate, receipt.stale) == (0, 2 * len(EVERYTHING), 0)
    assert (again.accepted, again.duplicate) == (0, 1)
    assert sent
    assert writes_of(sent) == []
    assert writes_of(sent_later) != []
    assert ledger.revision() != revision


def test_a_stale_event_told_again_writes_nothing(ledger: Ledger) -> None:
    ledger.tell(*STATES)
    revision = ledger.revision()
    with ledger.sent() as sent:
        receipt = ledger.tell(STATES[0], STATES[3])

    assert receipt.stale == 2
    assert sent
    assert writes_of(sent) == []
    assert ledger.revision() == revision


def test_a_new_event_gives_a_new_revision_and_the_instant_it_was_stored(ledger: Ledger) -> None:
    ledger.tell(conversation("call-1"))
    one = ledger.revision()
    ledger.tell(conversation("call-2"))
    two = ledger.revision()

    assert one.revision != two.revision
    assert one.last_event_at is not None
    assert two.last_event_at is not None
    assert one.last_event_at < two.last_event_at
    assert ledger.rows("SELECT max(stored_at) FROM conversation") == [(two.last_event_at,)]


def test_every_state_is_in_the_history_those_that_lose_too(ledger: Ledger) -> None:
    ledger.tell(STATES[1])
    receipt = ledger.tell(STATES[0], STATES[3], STATES[1], STATES[0])

    kept = ledger.rows("SELECT hash FROM record_state ORDER BY time")
    assert (receipt.stale, receipt.duplicate) == (3, 1)
    assert kept == [(state_of(state).hash,) for state in (STATES[0], STATES[1], STATES[3])]


def test_without_history_no_state_but_the_winner_is_kept(ledger: Ledger) -> None:
    ledger.tell(*STATES, *EVERYTHING, keep_history=False)

    assert ledger.rows("SELECT * FROM record_state") == []
    assert ledger.summary().total_calls == 2
    assert ledger.verify() == []


def test_states_that_arrive_in_one_batch_are_each_in_exactly_one_bin(ledger: Ledger) -> None:
    receipt = ledger.tell(STATES[0], STATES[1], STATES[1], STATES[0], STATES[2], b"{}")

    assert (receipt.accepted, receipt.duplicate, receipt.conflicting, receipt.stale) == (2, 1, 1, 1)
    assert [(one.index, one.reason) for one in receipt.quarantined] == [(5, "invalid_envelope")]


def test_the_row_of_a_record_is_its_greatest_state_in_every_order_of_arrival(ledger: Ledger) -> None:
    """One record for each order, half of the orders in one batch, half event by event."""
    orders = permutations(range(len(STATES)))
    states = {
        f"call-{number}": [history_of(f"call-{number}")[place] for place in order]
        for number, order in enumerate(orders)
    }
    with ledger.writer() as writer:
        waiting = []
        for number, told in enumerate(states.values()):
            batches = [told] if number % 2 else [[one] for one in told]
            waiting += [writer.submit(works_of(*batch)) for batch in batches]
        for future in waiting:
            future.result(timeout=30)

    keys = {id_: RecordKey(Kind.CONVERSATION, id_) for id_ in states}
    with reading(ledger.engine) as connection:
        winners = read_winning_states(connection, ORG, keys.values())
    assert winners == {keys[id_]: max(map(state_of, told), key=rank) for id_, told in states.items()}
    assert ledger.verify() == []


@pytest.mark.parametrize("one", EVERYTHING, ids=lambda one: f"{one['type']} {one['data']['id']}")
def test_a_winner_is_read_back_as_it_was_told(ledger: Ledger, one: Json) -> None:
    state = state_of(one)
    ledger.tell(one)

    key = RecordKey(state.kind, state.id)
    with reading(ledger.engine) as connection:
        assert read_winning_states(connection, ORG, [key, RecordKey(Kind.AGENT, "unknown")]) == {key: state}


def test_a_deletion_of_something_unseen_is_kept_and_voids_what_comes_late(ledger: Ledger) -> None:
    ledger.tell(event("conversation.deleted", {"id": "call-1"}, time="2026-03-01T00:00:00Z"))
    receipt = ledger.tell(conversation("call-1"))

    assert (receipt.accepted, receipt.stale) == (0, 1)
    assert ledger.summary().total_calls == 0


def test_a_record_moved_to_another_day_is_counted_there_alone(ledger: Ledger) -> None:
    ledger.tell(conversation(created_at="2026-03-01T10:00:00Z"))
    ledger.tell(conversation(created_at="2026-03-09T10:00:00Z") | {"time": "2026-03-09T12:00:00Z"})

    assert {day.day: day.calls for day in ledger.summary().daily if day.calls} == {"2026-03-09": 1}


def test_one_id_of_two_organizations_is_two_records(ledger: Ledger) -> None:
    ledger.tell(conversation("call-1", organization_id="a"), conversation("call-1", organization_id="b"), org_id=None)

    assert [ledger.summary(org_id=org_id).total_calls for org_id in ("a", "b", ORG)] == [1, 1, 0]


def test_more_rows_than_one_statement_takes_are_written_whole(ledger: Ledger) -> None:
    events = [conversation(f"call-{number}", agent_id=f"agent-{number}") for number in range(2_500)]
    Random("order").shuffle(events)
    receipt = ledger.tell(*events)
    again = ledger.tell(*events)

    assert (receipt.accepted, again.duplicate) == (2_500, 2_500)
    assert ledger.summary().total_calls == 2_500
    assert ledger.verify() == []
