"""The event types: the kind of record that each one updates or deletes, and the msgspec struct of its data."""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from talkmeter.errors import quoted
from talkmeter.ingest.fields import FieldError, read_duration, read_name, read_optional_id, read_time
from talkmeter.ledger.batch import Reason
from talkmeter.records import INVENTORY_KINDS, Conversation, InventoryItem, Kind, WorkflowExecution, resolve_modality
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction, Modality, RunStatus


class Envelope(msgspec.Struct):
    """The CloudEvents attributes that are read; `data` stays undecoded until the type is known."""

    specversion: str
    id: str
    source: str
    type: str
    time: str | None = None
    sequence: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()


class RecordData(msgspec.Struct):
    """The fields that `data` has in every event. A deletion has only these."""

    id: str
    organization_id: str | None = None


class ConversationData(RecordData, kw_only=True):
    """Data of `conversation.updated`."""

    channel: Channel
    direction: Direction
    status: ConversationStatus
    created_at: str
    duration: msgspec.Raw = msgspec.Raw()
    agent_id: str | None = None
    agent_number: str | None = None
    web_widget_id: str | None = None
    modality: str | None = None

    def record(self) -> Conversation:
        """Return the normalized conversation."""
        return Conversation(
            channel=self.channel,
            direction=self.direction,
            status=self.status,
            created_at=read_time("data.created_at", self.created_at, Reason.INVALID_DATA),
            duration_ms=read_duration(bytes(self.duration)),
            modality=resolve_modality(self.channel, _read_modality(self.modality)),
            agent_id=read_optional_id("data.agent_id", self.agent_id),
            agent_number=read_optional_id("data.agent_number", self.agent_number),
            web_widget_id=read_optional_id("data.web_widget_id", self.web_widget_id),
        )


class WorkflowExecutionData(RecordData, kw_only=True):
    """Data of `workflow_execution.updated`."""

    status: RunStatus
    created_at: str
    workflow_id: str | None = None

    def record(self) -> WorkflowExecution:
        """Return the normalized workflow execution."""
        return WorkflowExecution(
            status=self.status,
            created_at=read_time("data.created_at", self.created_at, Reason.INVALID_DATA),
            workflow_id=read_optional_id("data.workflow_id", self.workflow_id),
        )


class InventoryData(RecordData, kw_only=True):
    """Data of an inventory event, and one item of a snapshot; `shared` and `active` are false by default."""

    name: str | None = None
    shared: Literal[""] | bool | None = None
    active: Literal[""] | bool | None = None

    def record(self) -> InventoryItem:
        """Return the normalized item."""
        return InventoryItem(name=read_name(self.name), shared=bool(self.shared), active=bool(self.active))


class OrganizationData(RecordData, kw_only=True):
    """Data of `organization.updated`; its `id` is the organization's."""

    parent_id: str | None = None


ORGANIZATION_UPDATED: Final = "organization.updated"


class EventType(NamedTuple):
    """The kind of record of an event type, and the decoder of its data."""

    kind: Kind
    decode: Callable[[bytes], RecordData]


def _event_types() -> dict[str, EventType]:
    deleted = msgspec.json.Decoder(RecordData).decode
    updated: dict[Kind, Callable[[bytes], RecordData]] = {
        Kind.CONVERSATION: msgspec.json.Decoder(ConversationData).decode,
        Kind.WORKFLOW_EXECUTION: msgspec.json.Decoder(WorkflowExecutionData).decode,
        **dict.fromkeys(INVENTORY_KINDS, msgspec.json.Decoder(InventoryData).decode),
    }
    return {f"{kind}.updated": EventType(kind, decode) for kind, decode in updated.items()} | {
        f"{kind}.deleted": EventType(kind, deleted) for kind in Kind
    }


EVENT_TYPES: Final = _event_types()
"""The types of events about records."""
KNOWN_TYPES: Final = ", ".join(sorted((*EVENT_TYPES, ORGANIZATION_UPDATED)))
decode_organization: Final = msgspec.json.Decoder(OrganizationData).decode


def _read_modality(text: str | None) -> Modality | None:
    if not text:
        return None
    allowed: tuple[Modality, ...] = get_args(Modality)
    for modality in allowed:
        if text == modality:
            return modality
    raise FieldError(Reason.INVALID_DATA, f"data.modality must be {', '.join(allowed)} or null, not {quoted(text)}.")
