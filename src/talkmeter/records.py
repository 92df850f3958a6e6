"""The record types (conversation, workflow execution, inventory item), and which of two states of a record wins.

A record is identified by (organization, kind, id). A state is its complete content at one moment. The winning state is
the one with the highest rank, in any order of arrival (docs/reference/counting.md).
"""

from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal, assert_never, get_args, get_origin

import msgspec
from msgspec.structs import fields

from talkmeter.period import LATEST_INSTANT
from talkmeter_client.vocabulary import (
    Channel,
    ConversationStatus,
    Direction,
    EndRunStatus,
    EndStatus,
    LiveRunStatus,
    LiveStatus,
    Modality,
    RunStatus,
)

UNCOUNTED_STATUS: Final[ConversationStatus] = "token_created"
LIVE_STATUSES: Final[frozenset[ConversationStatus]] = frozenset(get_args(LiveStatus))
TERMINAL_STATUSES: Final[frozenset[ConversationStatus]] = frozenset(get_args(EndStatus))
LIVE_RUN_STATUSES: Final[frozenset[RunStatus]] = frozenset(get_args(LiveRunStatus))
TERMINAL_RUN_STATUSES: Final[frozenset[RunStatus]] = frozenset(get_args(EndRunStatus))


class Kind(StrEnum):
    """The kind of a record; the values are used in the database and in URLs."""

    CONVERSATION = "conversation"
    WORKFLOW_EXECUTION = "workflow_execution"
    AGENT = "agent"
    PHONE_NUMBER = "phone_number"
    WEB_WIDGET = "web_widget"
    DATASET = "dataset"


INVENTORY_KINDS: Final = (Kind.AGENT, Kind.PHONE_NUMBER, Kind.WEB_WIDGET, Kind.DATASET)


class Conversation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One call or chat between a user and an agent; `modality` is resolved, `created_at` is in microseconds."""

    channel: Channel
    direction: Direction
    status: ConversationStatus
    created_at: int
    duration_ms: int | None
    modality: Modality
    agent_id: str | None = None
    agent_number: str | None = None
    web_widget_id: str | None = None


class WorkflowExecution(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One run of a workflow."""

    status: RunStatus
    created_at: int
    workflow_id: str | None = None


class InventoryItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An agent, phone number, web widget or dataset; `shared` is for phone numbers, `active` for datasets."""

    name: str | None = None
    shared: bool = False
    active: bool = False


Record = Conversation | WorkflowExecution | InventoryItem

RECORD_TYPES: Final[dict[Kind, type[Record]]] = {
    Kind.CONVERSATION: Conversation,
    Kind.WORKFLOW_EXECUTION: WorkflowExecution,
    **dict.fromkeys(INVENTORY_KINDS, InventoryItem),
}


def closed_sets(kind: Kind) -> dict[str, tuple[str, ...]]:
    """Return the allowed values of each field with a closed set of values, for one kind of record."""
    return {
        field.name: get_args(field.type) for field in fields(RECORD_TYPES[kind]) if get_origin(field.type) is Literal
    }


DELETED_DATA: Final = b"null"
_encode = msgspec.json.Encoder().encode
_decoders: dict[Kind, msgspec.json.Decoder[Record | None]] = {
    kind: msgspec.json.Decoder(type_ | None) for kind, type_ in RECORD_TYPES.items()
}


def resolve_modality(channel: Channel, modality: Modality | None) -> Modality:
    """Return the sender's modality, or the channel's default (docs/reference/counting.md, "Voice or chat")."""
    if modality is not None:
        return modality
    return "voice" if channel == "telephone" else "chat"


class RecordKey(msgspec.Struct, frozen=True, gc=False):
    """The key of a record inside its organization."""

    kind: Kind
    id: str


class State(msgspec.Struct, frozen=True, gc=False):
    """The complete content of a record at one moment, as one event reported it; `record` is None for a deletion.

    `time` is the event's time, in microseconds; `hash` is the first 16 bytes of the SHA-256 of the normalized data.
    `linked_to` and `call_agent` are set on winning states only: the conversation that is counted instead of this one,
    and for a counted conversation without an agent, the agent of a linked one (docs/reference/counting.md, "Linked
    calls").
    """

    org_id: str
    kind: Kind
    id: str
    record: Record | None
    time: int
    sequence: int
    source: str
    event_id: str
    hash: bytes
    linked_to: str | None = None
    call_agent: str | None = None

    @property
    def expired(self) -> bool:
        """Whether the record was deleted because of its age; it still counts in the daily totals."""
        return self.record is None and not self.source

    @property
    def stored(self) -> Record | None:
        """The record with the agent of its call."""
        if self.call_agent is not None and isinstance(self.record, Conversation):
            return msgspec.structs.replace(self.record, agent_id=self.call_agent)
        return self.record

    @property
    def counted(self) -> Record | None:
        """The record with the agent of its call, or None if a linked conversation is counted instead."""
        return None if self.linked_to else self.stored


class ParentClaim(msgspec.Struct, frozen=True, gc=False):
    """An organization's parent, as one event or command set it; `parent_id` is None for an organization without one.

    `time`, `sequence`, `source`, `event_id` and `hash` are those of a state, and ranks are compared in the same way.
    """

    org_id: str
    parent_id: str | None
    time: int
    sequence: int
    source: str
    event_id: str
    hash: bytes


Rank = tuple[int, int, int, str, str, bytes]


def normalized_data(record: Record | None) -> bytes:
    """Encode a record as compact JSON, with the same bytes for equal records; a deletion is `null`."""
    return DELETED_DATA if record is None else _encode(record)


def decode_normalized(kind: Kind, data: bytes) -> Record | None:
    """Decode the result of `normalized_data`."""
    return _decoders[kind].decode(data)


def data_hash(record: Record | None) -> bytes:
    """Return the hash of a record's normalized data, the last part of a rank."""
    return hash_of_data(normalized_data(record))


def hash_of_data(data: bytes) -> bytes:
    """Return the first 16 bytes of the SHA-256 of normalized data."""
    return sha256(data).digest()[:16]


def rank_class(record: Record | None) -> int:
    """Return the first part of a rank: deleted 2, terminal 1, live 0."""
    match record:
        case None:
            return 2
        case Conversation(status=status):
            return 1 if status in TERMINAL_STATUSES else 0
        case WorkflowExecution(status=status):
            return 1 if status in TERMINAL_RUN_STATUSES else 0
        case InventoryItem():
            return 0
        case _:
            assert_never(record)


def hash_of_parent(parent_id: str | None) -> bytes:
    """Return the hash of a claim's parent, the last part of its rank."""
    return hash_of_data(_encode(parent_id))


def rank(state: State | ParentClaim) -> Rank:
    """Return a state's rank; the state with the highest rank wins (docs/reference/counting.md).

    The class of inventory items and of parents is always 0, because both can be removed and added again.
    """
    class_ = rank_class(state.record) if isinstance(state, State) and state.kind not in INVENTORY_KINDS else 0
    return (class_, state.time, state.sequence, state.source, state.event_id, state.hash)


def expired_state(org_id: str, kind: Kind, id_: str) -> State:
    """Return what stays of a record that was deleted because of its age. It outranks every event."""
    return State(org_id, kind, id_, None, LATEST_INSTANT, 0, "", "", data_hash(None))


RANK_PARTS: Final = ("class", "time", "sequence", "source", "event id", "content")
"""The parts of a rank, in the order of comparison: the first difference decides."""


def deciding_part(winner: State, loser: State) -> str | None:
    """Return the part of the rank by which one state outranks another, or None if their ranks are equal."""
    pairs = zip(RANK_PARTS, rank(winner), rank(loser), strict=True)
    return next((part for part, ours, theirs in pairs if ours != theirs), None)


class Outcome(StrEnum):
    """The outcome of a valid event (docs/reference/http-api.md)."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting"
    STALE = "stale"


def classify(new: State | ParentClaim, winner: State | ParentClaim | None) -> Outcome:
    """Return the outcome of a new state if `winner` is the record's winning state so far (None: unknown record)."""
    if winner is None:
        return Outcome.ACCEPTED
    ours, theirs = rank(new), rank(winner)
    if ours > theirs:
        return Outcome.ACCEPTED
    if ours == theirs:
        return Outcome.DUPLICATE
    same_event = (new.source, new.event_id, new.time) == (winner.source, winner.event_id, winner.time)
    return Outcome.CONFLICTING if same_event and new.hash != winner.hash else Outcome.STALE
