"""The nouns (conversation, workflow execution, inventory item) and which of two states of one record wins.

A record is known by (organization, kind, id). What a sender tells of it at one moment is a state; the winning state
is the one of the greatest rank, whatever the order of arrival (docs/reference/counting.md).
"""

from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal, assert_never, get_args, get_origin

import msgspec
from msgspec.structs import fields

Channel = Literal["telephone", "webrtc", "email", "text"]
Direction = Literal["inbound", "outbound"]
Modality = Literal["voice", "chat"]
ConversationStatus = Literal[
    "token_created",
    "triggered",
    "ringing",
    "in_progress",
    "completed",
    "failed",
    "cancelled",
    "transferred",
    "unanswered",
]
RunStatus = Literal["running", "waiting", "success", "failed", "cancelled"]

UNCOUNTED_STATUS: Final[ConversationStatus] = "token_created"
LIVE_STATUSES: Final[frozenset[ConversationStatus]] = frozenset({"triggered", "ringing", "in_progress"})
TERMINAL_STATUSES: Final = frozenset(get_args(ConversationStatus)) - LIVE_STATUSES - {UNCOUNTED_STATUS}
LIVE_RUN_STATUSES: Final[frozenset[RunStatus]] = frozenset({"running", "waiting"})
TERMINAL_RUN_STATUSES: Final = frozenset(get_args(RunStatus)) - LIVE_RUN_STATUSES


class Kind(StrEnum):
    """What a record is; the values stand in the database and in paths."""

    CONVERSATION = "conversation"
    WORKFLOW_EXECUTION = "workflow_execution"
    AGENT = "agent"
    PHONE_NUMBER = "phone_number"
    WEB_WIDGET = "web_widget"
    DATASET = "dataset"


INVENTORY_KINDS: Final = (Kind.AGENT, Kind.PHONE_NUMBER, Kind.WEB_WIDGET, Kind.DATASET)


class Conversation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One session between a user and an agent; `modality` is the resolved one, `created_at` in microseconds."""

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
    """An agent, phone number, web widget or dataset; `shared` is said of numbers, `active` of datasets."""

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
    """Return the fields of a kind of record that hold one of a closed set of values, each with these values."""
    return {
        field.name: get_args(field.type) for field in fields(RECORD_TYPES[kind]) if get_origin(field.type) is Literal
    }


DELETED_DATA: Final = b"null"
_encode = msgspec.json.Encoder().encode
_decoders: dict[Kind, msgspec.json.Decoder[Record | None]] = {
    kind: msgspec.json.Decoder(type_ | None) for kind, type_ in RECORD_TYPES.items()
}


def resolve_modality(channel: Channel, modality: Modality | None) -> Modality:
    """Voice or chat: what the sender says, else by the channel (docs/reference/counting.md, "Voice or chat")."""
    if modality is not None:
        return modality
    return "voice" if channel == "telephone" else "chat"


class RecordKey(msgspec.Struct, frozen=True, gc=False):
    """What identifies a record inside its organization."""

    kind: Kind
    id: str


class State(msgspec.Struct, frozen=True, gc=False):
    """What a sender told of one record at one moment; `record` is None where it told of a deletion.

    `time` is the event's, in microseconds; `hash` the first 16 bytes of SHA-256 of the normalised data. `linked_to` is
    set on winning states only: the conversation that is counted in place of this one (docs/reference/counting.md,
    "Linked calls").
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

    @property
    def counted(self) -> Record | None:
        """The record as far as it is counted here."""
        return None if self.linked_to else self.record


Rank = tuple[int, int, int, str, str, bytes]


def normalized_data(record: Record | None) -> bytes:
    """The record as compact JSON, the same bytes for the same record; `null` for a deletion."""
    return DELETED_DATA if record is None else _encode(record)


def decode_normalized(kind: Kind, data: bytes) -> Record | None:
    """The inverse of `normalized_data`."""
    return _decoders[kind].decode(data)


def data_hash(record: Record | None) -> bytes:
    """First 16 bytes of SHA-256 of the normalised data: the last word when two states tie in all else."""
    return sha256(normalized_data(record)).digest()[:16]


def rank_class(record: Record | None) -> int:
    """Deleted 2, terminal 1, live 0; always 0 for inventory, which may be deleted and made again."""
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


def rank(state: State) -> Rank:
    """What decides between two states of one record: the greater wins (docs/reference/counting.md)."""
    class_ = 0 if state.kind in INVENTORY_KINDS else rank_class(state.record)
    return (class_, state.time, state.sequence, state.source, state.event_id, state.hash)


RANK_PIECES: Final = ("class", "time", "sequence", "source", "event id", "content")
"""What a rank is compared by, piece by piece: the first difference decides."""


def deciding_piece(winner: State, loser: State) -> str | None:
    """The piece of the rank by which one state outranks another of its record; None where they are the same state."""
    pairs = zip(RANK_PIECES, rank(winner), rank(loser), strict=True)
    return next((piece for piece, ours, theirs in pairs if ours != theirs), None)


class Outcome(StrEnum):
    """What became of a valid event: each is in exactly one of these bins (docs/reference/http-api.md)."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    CONFLICTING = "conflicting"
    STALE = "stale"


def judge(new: State, winner: State | None) -> Outcome:
    """What becomes of `new` when `winner` is the record's winning state so far (None: the record is unseen)."""
    if winner is None:
        return Outcome.ACCEPTED
    ours, theirs = rank(new), rank(winner)
    if ours > theirs:
        return Outcome.ACCEPTED
    if ours == theirs:
        return Outcome.DUPLICATE
    same_event = (new.source, new.event_id, new.time) == (winner.source, winner.event_id, winner.time)
    return Outcome.CONFLICTING if same_event and new.hash != winner.hash else Outcome.STALE
