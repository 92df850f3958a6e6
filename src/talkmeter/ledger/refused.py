"""Valid events that are refused: by the database, or because of their organization. They go to quarantine.

The quarantine keeps such an event complete, as its sender could have sent it, so that a replay counts it.
"""

from hashlib import sha256
from typing import Final

import msgspec
from msgspec.structs import replace

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.errors import OrganizationClosed
from talkmeter.ledger.batch import OrgBatch, ParsedEvent, Reason, Rejection
from talkmeter.period import format_instant
from talkmeter.records import (
    Conversation,
    InventoryItem,
    ParentClaim,
    Record,
    State,
    WorkflowExecution,
    normalized_data,
)

MAX_KEPT_LENGTH: Final = 256
"""The quarantine keeps no longer text; see ingest/quarantine.py."""
_MILLISECONDS_PER_SECOND: Final = MICROSECONDS_PER_SECOND // 1_000


def refused_by_database(state: State | ParentClaim) -> Rejection:
    """Return the rejection for a state that the database cannot store; its hash and size are of the normalized data."""
    if isinstance(state, ParentClaim):
        id_, data = state.org_id, state.hash
    else:
        id_, data = state.id, normalized_data(state.record)
    kept = {"id": state.event_id, "source": state.source, "data": {"id": id_, "organization_id": state.org_id}}
    return Rejection(
        org_id=state.org_id,
        event_id=state.event_id,
        reason=Reason.REFUSED_BY_DATABASE,
        detail="The database rejected the data of this event. Correct the event and send it again.",
        hash=sha256(b"\n".join((state.source.encode(), state.event_id.encode(), id_.encode(), data))).digest()[:16],
        size=len(data),
        kept_fields=msgspec.json.encode(kept),
        complete=False,
    )


def refuse_state(state: State | ParentClaim, org_id: str, reason: Reason, detail: str) -> Rejection:
    """Return the rejection of a valid event, to be kept in the quarantine of an organization."""
    event = _event(state)
    kept = msgspec.json.encode(event)
    return Rejection(
        org_id=org_id,
        event_id=state.event_id,
        reason=reason,
        detail=detail,
        hash=sha256(kept).digest()[:16],
        size=len(kept),
        kept_fields=kept if len(state.source) <= MAX_KEPT_LENGTH else _cut(event),
        complete=len(state.source) <= MAX_KEPT_LENGTH,
    )


def refuse_events(batch: OrgBatch) -> OrgBatch:
    """Return the batch of a closed organization with all its events refused.

    Raises OrganizationClosed if it contains a snapshot, or what a connector reports: the quarantine cannot keep those,
    so their sender must send them again.
    """
    refused = [(index, _refuse_event(event, batch.org_id)) for index, event in batch.events]
    if batch.watermark is not None:
        raise OrganizationClosed(_closed(batch.org_id))
    return batch._replace(events=refused)


def refuse_unknown(batch: OrgBatch) -> OrgBatch:
    """Return the batch of an unknown organization with all its events refused, for the quarantine without one."""
    sentence = (
        f"Organization '{batch.org_id}' does not exist. 'talkmeter orgs add' creates it; then replay the event "
        "(TALKMETER_KNOWN_ORGANIZATIONS_ONLY)."
    )
    refused: list[tuple[int, ParsedEvent]] = []
    for index, event in batch.events:
        if isinstance(event, State | ParentClaim):
            refused.append((index, refuse_state(event, "", Reason.UNKNOWN_ORGANIZATION, sentence)))
        elif isinstance(event, Rejection):
            refused.append((index, replace(event, org_id="")))
    return batch._replace(org_id="", events=refused)


def _refuse_event(event: object, org_id: str) -> ParsedEvent:
    match event:
        case Rejection():
            return event
        case State() | ParentClaim():
            return refuse_state(event, org_id, Reason.CLOSED_ORGANIZATION, _closed(org_id))
        case _:
            raise OrganizationClosed(_closed(org_id))


def _closed(org_id: str) -> str:
    return f"Organization '{org_id}' is closed: it was merged into another one or deleted."


def _event(state: State | ParentClaim) -> dict[str, object]:
    """Return the CloudEvent of a state."""
    data: dict[str, object] = {}
    if isinstance(state, ParentClaim):
        type_, id_, data = "organization.updated", state.org_id, {"parent_id": state.parent_id}
    else:
        type_ = f"{state.kind}.{'deleted' if state.record is None else 'updated'}"
        id_, data = state.id, _data(state.record)
    event: dict[str, object] = {
        "specversion": "1.0",
        "id": state.event_id,
        "source": state.source,
        "type": type_,
        "time": format_instant(state.time),
        "data": {"organization_id": state.org_id, "id": id_, **data},
    }
    return {**event, "sequence": str(state.sequence)} if state.sequence else event


def _data(record: Record | None) -> dict[str, object]:
    match record:
        case Conversation():
            duration = record.duration_ms
            return {
                "channel": record.channel,
                "direction": record.direction,
                "status": record.status,
                "created_at": format_instant(record.created_at),
                "duration": None if duration is None else duration / _MILLISECONDS_PER_SECOND,
                "modality": record.modality,
                "agent_id": record.agent_id,
                "agent_number": record.agent_number,
                "web_widget_id": record.web_widget_id,
            }
        case WorkflowExecution():
            created_at = format_instant(record.created_at)
            return {"status": record.status, "created_at": created_at, "workflow_id": record.workflow_id}
        case InventoryItem():
            return {"name": record.name, "shared": record.shared, "active": record.active}
        case None:
            return {}


def _cut(event: dict[str, object]) -> bytes:
    return msgspec.json.encode({**event, "source": str(event["source"])[:MAX_KEPT_LENGTH]})
