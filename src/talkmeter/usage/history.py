"""The history of a record: all states received for it, in order of rank, and why each wins or loses."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.errors import NotFound, quoted
from talkmeter.ledger.call_links import read_calls
from talkmeter.ledger.rows import StoredState, decode_state, decode_stored, decode_stored_history
from talkmeter.ledger.states import history_rows, winning_rows
from talkmeter.period import InstantText, format_instant
from talkmeter.records import (
    INVENTORY_KINDS,
    Conversation,
    InventoryItem,
    Kind,
    Record,
    RecordKey,
    State,
    WorkflowExecution,
    deciding_part,
    rank,
    rank_class,
)
from talkmeter.usage.names import CallNames, read_call_names
from talkmeter.usage.records import Adds, EventReference, adds_of, event_of

StateClass = Literal["live", "terminal", "deleted"]
_CLASSES: Final[tuple[StateClass, ...]] = ("live", "terminal", "deleted")
_ONLY_STATE: Final = "It is the only state received."
_WINS: Final = {
    "time": "Its event has the later time.",
    "sequence": "Its event has the same time and the greater sequence.",
    "source": "Its event has the same time and sequence, and a source that sorts later.",
    "event id": "Its event has the same time, sequence and source, and an id that sorts later.",
    "content": "Its event has the same time, sequence, source and id; the hash of its content is greater.",
}
_LOSES: Final = {
    "time": "Its event has an earlier time than the winner's.",
    "sequence": "Its event has the winner's time and a smaller sequence.",
    "source": "Its event has the winner's time and sequence, and a source that sorts earlier.",
    "event id": "Its event has the winner's time, sequence and source, and an id that sorts earlier.",
    "content": "Its event has the winner's time, sequence, source and id, and other content with a smaller hash.",
}


class ConversationFields(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="conversation"):
    """The data of a conversation in a state."""

    status: str
    channel: str
    direction: str
    modality: str
    created_at: InstantText
    duration_ms: int | None
    agent_id: str | None
    agent_number: str | None
    web_widget_id: str | None


class RunFields(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="workflow_execution"):
    """The data of a workflow run in a state."""

    status: str
    created_at: InstantText
    workflow_id: str | None


class ItemFields(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="inventory_item"):
    """The data of an agent, phone number, web widget or dataset in a state."""

    name: str | None
    shared: bool
    active: bool


class ReceivedState(msgspec.Struct, frozen=True, kw_only=True):
    """One state of a record, with its event."""

    wins: bool
    why: Annotated[str, Meta(description="Why it wins or loses, as one sentence.")]
    state: StateClass
    record: Annotated[
        ConversationFields | RunFields | ItemFields | None,
        Meta(description="The data of the record; null: a deletion."),
    ]
    adds: Adds
    event: EventReference
    stored_at: Annotated[InstantText, Meta(description="When it was stored.")]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """All states received for a record, in order of rank, the winning state first."""

    kind: Kind
    id: str
    history_days: Annotated[int | None, Meta(description="Days that losing states are kept; null: forever.")]
    linked_to: Annotated[
        str | None,
        Meta(description="The conversation that counts the same call; this conversation adds nothing."),
    ]
    linked: Annotated[
        list[str],
        Meta(description="Conversations of the same call, which add nothing because this conversation counts it."),
    ]
    names: CallNames
    states: list[ReceivedState]


def read_history(connection: Connection, org_id: str, key: RecordKey, history_days: int | None) -> History:
    """Return the history of a record. Raises NotFound if no event was received for it."""
    history = map(decode_stored_history, history_rows(connection, org_id, [key]))
    received = {rank(stored.state): stored for stored in history}
    linked_to = None
    for kind, row in winning_rows(connection, org_id, [key]):
        winner = decode_stored(kind, row)
        linked_to = winner.state.linked_to
        received.setdefault(rank(winner.state), winner)
    if not received:
        raise NotFound(f"No event was received for {key.kind} {quoted(key.id)}.")
    ranked = [received[rank_] for rank_ in sorted(received, reverse=True)]
    records = (stored.state.record for stored in ranked)
    calls = [record for record in records if isinstance(record, Conversation)]
    return History(
        kind=key.kind,
        id=key.id,
        history_days=history_days,
        linked_to=linked_to,
        linked=_linked(connection, org_id, key),
        names=read_call_names(connection, org_id, calls),
        states=[_received_state(stored, ranked, linked_to) for stored in ranked],
    )


def _linked(connection: Connection, org_id: str, key: RecordKey) -> list[str]:
    """Return the conversations that are linked to this one, in order of their ids."""
    if key.kind is not Kind.CONVERSATION:
        return []
    [call] = read_calls(connection, org_id, [key.id])
    others = [RecordKey(key.kind, member.id) for member in call if member.id != key.id]
    rows = winning_rows(connection, org_id, others)
    return sorted(other.id for other in (decode_state(kind, row) for kind, row in rows) if other.linked_to == key.id)


def _received_state(stored: StoredState, ranked: list[StoredState], linked_to: str | None) -> ReceivedState:
    state = stored.state
    wins = stored is ranked[0]
    return ReceivedState(
        wins=wins,
        why=_why_it_wins([other.state for other in ranked]) if wins else _why_it_loses(state, ranked[0].state),
        state=_class_of(state),
        record=_fields(state.record),
        adds=adds_of(state.record) if wins and linked_to is None else {},
        event=event_of(stored),
        stored_at=format_instant(stored.stored_at),
    )


def _why_it_wins(ranked: list[State]) -> str:
    if len(ranked) == 1:
        return _ONLY_STATE
    part = deciding_part(ranked[0], ranked[1]) or ""
    return _WINS.get(part, f"It is {_class_of(ranked[0])}, which outranks every other state.")


def _why_it_loses(state: State, winner: State) -> str:
    part = deciding_part(winner, state) or ""
    return _LOSES.get(part, f"It is {_class_of(state)}; a {_class_of(winner)} state outranks it.")


def _class_of(state: State) -> StateClass:
    if state.kind in INVENTORY_KINDS:
        return "deleted" if state.record is None else "live"
    return _CLASSES[rank_class(state.record)]


def _fields(record: Record | None) -> ConversationFields | RunFields | ItemFields | None:
    match record:
        case Conversation() as call:
            return ConversationFields(
                status=call.status,
                channel=call.channel,
                direction=call.direction,
                modality=call.modality,
                created_at=format_instant(call.created_at),
                duration_ms=call.duration_ms,
                agent_id=call.agent_id,
                agent_number=call.agent_number,
                web_widget_id=call.web_widget_id,
            )
        case WorkflowExecution() as run:
            return RunFields(status=run.status, created_at=format_instant(run.created_at), workflow_id=run.workflow_id)
        case InventoryItem() as item:
            return ItemFields(name=item.name, shared=item.shared, active=item.active)
        case None:
            return None
