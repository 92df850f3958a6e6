"""The rank decides which of two states of a record wins, in any order of arrival (docs/reference/counting.md)."""

from itertools import permutations
from typing import get_args

import pytest
from msgspec.structs import replace

from talkmeter.records import (
    INVENTORY_KINDS,
    LIVE_RUN_STATUSES,
    LIVE_STATUSES,
    TERMINAL_RUN_STATUSES,
    TERMINAL_STATUSES,
    UNCOUNTED_STATUS,
    Conversation,
    InventoryItem,
    Kind,
    Outcome,
    Record,
    State,
    WorkflowExecution,
    classify,
    data_hash,
    decode_normalized,
    normalized_data,
    rank_class,
)
from talkmeter_client.vocabulary import ConversationStatus, RunStatus

CREATED = 1_772_366_340_000_000
COMPONENTS = ("class", "time", "sequence", "source", "event_id", "hash")


def call(status: ConversationStatus = "completed", duration_ms: int | None = 60_000) -> Conversation:
    return Conversation("telephone", "inbound", status, CREATED, duration_ms, "voice")


def make_state(
    record: Record | None,
    *,
    kind: Kind = Kind.CONVERSATION,
    time: int = 0,
    sequence: int = 0,
    source: str = "/tests",
    event_id: str = "event",
    hash_: bytes | None = None,
) -> State:
    hashed = data_hash(record) if hash_ is None else hash_
    return State("acme", kind, "x", record, time, sequence, source, event_id, hashed)


def state_of_rank(high: tuple[bool, ...]) -> State:
    """Return a state; each component of its rank is high or low."""
    class_, time, sequence, source, event_id, hash_ = high
    return make_state(
        call("completed" if class_ else "ringing"),
        time=2 if time else 1,
        sequence=1 if sequence else -1,
        source="/b" if source else "/a",
        event_id="b" if event_id else "a",
        hash_=b"b" if hash_ else b"a",
    )


def winner_of(states: tuple[State, ...]) -> State:
    """Return the winner after the states have arrived one by one."""
    winner: State | None = None
    for state in states:
        if classify(state, winner) is Outcome.ACCEPTED:
            winner = state
    assert winner is not None
    return winner


@pytest.mark.parametrize("position", range(6), ids=COMPONENTS)
@pytest.mark.parametrize("before", [False, True], ids=["low before", "high before"])
def test_each_component_of_the_rank_decides_if_the_ones_before_are_equal(position: int, before: bool) -> None:
    """It decides even if all later components are lower."""
    after = 5 - position
    greater = state_of_rank((*(before,) * position, True, *(False,) * after))
    lesser = state_of_rank((*(before,) * position, False, *(True,) * after))

    assert classify(greater, lesser) is Outcome.ACCEPTED
    assert classify(lesser, greater) is (Outcome.CONFLICTING if COMPONENTS[position] == "hash" else Outcome.STALE)


def test_winner_does_not_depend_on_the_order_of_arrival() -> None:
    states = (
        make_state(call("ringing"), time=9),
        make_state(call("completed"), time=5),
        make_state(call("completed", 61_000), time=5),
        make_state(call("failed"), time=5, sequence=1),
        make_state(call("completed"), time=4, sequence=7),
    )

    assert {winner_of(order) for order in permutations(states)} == {states[3]}


def test_late_ringing_never_replaces_completed() -> None:
    completed = make_state(call("completed"), time=1)
    ringing = make_state(call("ringing", None), time=2)

    assert classify(ringing, completed) is Outcome.STALE


def test_later_terminal_state_is_a_correction() -> None:
    corrected = make_state(call("completed", 61_000), time=2)

    assert classify(corrected, make_state(call("completed"), time=1)) is Outcome.ACCEPTED


@pytest.mark.parametrize("status", get_args(ConversationStatus))
def test_deleted_conversation_stays_deleted(status: ConversationStatus) -> None:
    deleted = make_state(None, time=1)

    assert classify(make_state(call(status), time=2, sequence=9, source="/z", event_id="z"), deleted) is Outcome.STALE
    assert classify(deleted, make_state(call(status), time=2)) is Outcome.ACCEPTED


def test_deleted_run_stays_deleted() -> None:
    deleted = make_state(None, kind=Kind.WORKFLOW_EXECUTION, time=1)
    succeeded = make_state(WorkflowExecution("success", CREATED), kind=Kind.WORKFLOW_EXECUTION, time=2)

    assert classify(succeeded, deleted) is Outcome.STALE


@pytest.mark.parametrize("kind", INVENTORY_KINDS)
def test_deleted_inventory_item_can_be_created_again_later(kind: Kind) -> None:
    item, deleted = make_state(InventoryItem("a"), kind=kind, time=2), make_state(None, kind=kind, time=1)

    assert classify(item, deleted) is Outcome.ACCEPTED
    assert classify(deleted, item) is Outcome.STALE


def test_every_status_of_a_conversation_is_live_terminal_or_uncounted() -> None:
    assert set(get_args(ConversationStatus)) == LIVE_STATUSES | TERMINAL_STATUSES | {UNCOUNTED_STATUS}
    assert not LIVE_STATUSES & TERMINAL_STATUSES


def test_every_status_of_a_run_is_live_or_terminal() -> None:
    assert set(get_args(RunStatus)) == LIVE_RUN_STATUSES | TERMINAL_RUN_STATUSES
    assert not LIVE_RUN_STATUSES & TERMINAL_RUN_STATUSES


@pytest.mark.parametrize("status", get_args(ConversationStatus))
def test_terminal_statuses_of_a_conversation_rank_above_the_others(status: ConversationStatus) -> None:
    terminal = {"completed", "failed", "cancelled", "transferred", "unanswered"}

    assert rank_class(call(status)) == (1 if status in terminal else 0)


@pytest.mark.parametrize("status", get_args(RunStatus))
def test_terminal_statuses_of_a_run_rank_above_the_others(status: RunStatus) -> None:
    assert rank_class(WorkflowExecution(status, CREATED)) == (1 if status in {"success", "failed", "cancelled"} else 0)


def test_deletion_ranks_above_every_status() -> None:
    assert rank_class(None) == 2


def test_first_state_of_a_record_is_accepted() -> None:
    assert classify(make_state(call()), None) is Outcome.ACCEPTED


def test_repeated_winner_is_a_duplicate() -> None:
    assert classify(make_state(call()), make_state(call())) is Outcome.DUPLICATE


def test_lower_state_of_another_event_is_stale() -> None:
    winner = make_state(call("failed"), time=5)

    assert classify(make_state(call("failed"), time=4), winner) is Outcome.STALE
    assert classify(make_state(call("failed"), time=5, event_id="a"), winner) is Outcome.STALE
    assert classify(make_state(call("failed"), time=5, source="/a"), winner) is Outcome.STALE


@pytest.mark.parametrize("bytes_", [b"\x00", b"\x7f", b"\xff"])
def test_other_content_with_the_winners_source_id_and_time_wins_or_conflicts(bytes_: bytes) -> None:
    winner, other = make_state(call(), hash_=b"\x80"), make_state(call("failed"), hash_=bytes_)

    assert classify(other, winner) is (Outcome.ACCEPTED if bytes_ > b"\x80" else Outcome.CONFLICTING)


def test_live_state_with_source_id_and_time_of_a_terminal_one_conflicts() -> None:
    assert classify(make_state(call("ringing")), make_state(call("completed"))) is Outcome.CONFLICTING


def test_winner_with_a_lower_sequence_is_stale() -> None:
    assert classify(make_state(call(), sequence=1), make_state(call(), sequence=2)) is Outcome.STALE


RECORDS: dict[Kind, list[Record]] = {
    Kind.CONVERSATION: [
        call(),
        Conversation("webrtc", "outbound", "ringing", CREATED, None, "chat", "ann", "+13125550110", 'w"é\u2028'),
    ],
    Kind.WORKFLOW_EXECUTION: [WorkflowExecution("success", CREATED), WorkflowExecution("waiting", 0, "wf")],
    Kind.DATASET: [InventoryItem(), InventoryItem("Prices", shared=True, active=True)],
}


@pytest.mark.parametrize(
    ("record", "data", "hash_"),
    [
        (
            Conversation("telephone", "inbound", "completed", CREATED, 60_000, "voice", "agent_1", "+13125550110"),
            b'["telephone","inbound","completed",1772366340000000,60000,"voice","agent_1","+13125550110",null]',
            "d0cf6a288f7a5d008d63d2e067747431",
        ),
        (
            WorkflowExecution("success", CREATED, "wf_1"),
            b'["success",1772366340000000,"wf_1"]',
            "c60e88ce60c9686f5caaf765c81dda2c",
        ),
        (InventoryItem("Prices", active=True), b'["Prices",false,true]', "7f063fbd6991a26697ee6ab024d7548d"),
        (None, b"null", "74234e98afe7498fb5daf1f36ac2d78a"),
    ],
    ids=["conversation", "run", "item", "deletion"],
)
def test_normalized_data_and_its_hash_never_change(record: Record | None, data: bytes, hash_: str) -> None:
    """Every ledger stores both. If the hash changed, each repeated event would be a conflict."""
    assert normalized_data(record) == data
    assert data_hash(record).hex() == hash_


@pytest.mark.parametrize(
    ("kind", "record"), [(kind, record) for kind, records in RECORDS.items() for record in records]
)
def test_record_is_read_back_from_its_normalized_data(kind: Kind, record: Record) -> None:
    assert decode_normalized(kind, normalized_data(record)) == record


@pytest.mark.parametrize("kind", Kind)
def test_deletion_is_read_back_from_its_normalized_data(kind: Kind) -> None:
    assert decode_normalized(kind, normalized_data(None)) is None


@pytest.mark.parametrize("field", Conversation.__struct_fields__)
def test_record_that_differs_in_one_field_has_another_hash(field: str) -> None:
    record = Conversation("telephone", "inbound", "completed", CREATED, 60_000, "voice", "a", "b", "c")

    assert data_hash(replace(record, **{field: "other"})) != data_hash(record)
