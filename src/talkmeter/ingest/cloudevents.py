"""Read CloudEvents 1.0: each undecoded event becomes a State, or a Rejection with the reason.

Types and fields: docs/reference/http-api.md. Unknown fields are ignored; "" means null.
"""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from talkmeter.errors import quoted
from talkmeter.ingest.event_types import (
    EVENT_TYPES,
    KNOWN_TYPES,
    ORGANIZATION_UPDATED,
    ConversationData,
    Envelope,
    InventoryData,
    WorkflowExecutionData,
    decode_organization,
)
from talkmeter.ingest.fields import (
    MAX_SOURCE_BYTES,
    FieldError,
    read_id,
    read_optional_id,
    read_repeated_id,
    read_sequence,
    read_time,
)
from talkmeter.ingest.quarantine import keep_known_fields, kept_organization
from talkmeter.ledger.batch import ParsedEvent, Reason, Rejection
from talkmeter.records import ParentClaim, Record, State, data_hash, hash_of_parent

_decode_any: Final = msgspec.json.Decoder().decode
_decode_envelope: Final = msgspec.json.Decoder(Envelope).decode
Decoded = TypeVar("Decoded")
_PATH: Final = re.compile(r" - at `\$\.?(.*)`$")


class Sender(msgspec.Struct, frozen=True):
    """The sender of events: for one organization (`org_id`), or any if it is None (sender keys, the command line)."""

    credential_id: str
    org_id: str | None


def read_event(raw: bytes, sender: Sender) -> ParsedEvent:
    """Read one undecoded structured event. An invalid event becomes a rejection; nothing is raised."""
    try:
        return read_envelope(_decode(_decode_envelope, raw, "", Reason.INVALID_ENVELOPE), sender)
    except FieldError as error:
        return reject(raw, sender, error.reason, error.detail)


def read_envelope(envelope: Envelope, sender: Sender) -> State | ParentClaim:
    """Return what a decoded envelope reports. Raises FieldError if the envelope or its data is invalid."""
    return _read_claim(envelope, sender) if envelope.type == ORGANIZATION_UPDATED else read_state(envelope, sender)


def read_state(envelope: Envelope, sender: Sender) -> State:
    """Return the state of a record. Raises FieldError if the envelope or its data is invalid, or of no record."""
    event_id, source = _read_identity(envelope)
    event_type = EVENT_TYPES.get(envelope.type)
    if event_type is None:
        sentence = f"type {quoted(envelope.type)} is not metered; known types: {KNOWN_TYPES}."
        raise FieldError(Reason.UNKNOWN_TYPE, sentence)
    time = read_time("time", envelope.time, Reason.INVALID_ENVELOPE)
    data = _decode_data(event_type.decode, envelope)
    record: Record | None = None
    match data:
        case ConversationData() | WorkflowExecutionData() | InventoryData():
            record = data.record()
        case _:
            pass
    return State(
        org_id=_organization(data.organization_id, sender),
        kind=event_type.kind,
        id=read_id("data.id", data.id),
        record=record,
        time=time,
        sequence=_read_sequence(envelope),
        source=source,
        event_id=event_id,
        hash=data_hash(record),
    )


def _read_claim(envelope: Envelope, sender: Sender) -> ParentClaim:
    """Return the parent of an organization."""
    event_id, source = _read_identity(envelope)
    time = read_time("time", envelope.time, Reason.INVALID_ENVELOPE)
    data = _decode_data(decode_organization, envelope)
    if sender.org_id is not None:
        sentence = (
            "An organization does not choose its parent: send organization.updated with a sender key, in a request "
            "that names no organization."
        )
        raise FieldError(Reason.FOREIGN_ORGANIZATION, sentence)
    org_id, parent_id = read_id("data.id", data.id), read_optional_id("data.parent_id", data.parent_id)
    if data.organization_id and data.organization_id != org_id:
        sentence = f"data.organization_id is {quoted(data.organization_id)}, but data.id is {quoted(org_id)}."
        raise FieldError(Reason.INVALID_DATA, sentence)
    if parent_id == org_id:
        raise FieldError(Reason.INVALID_DATA, "data.parent_id is the organization itself.")
    number = _read_sequence(envelope)
    return ParentClaim(org_id, parent_id, time, number, source, event_id, hash_of_parent(parent_id))


def _read_identity(envelope: Envelope) -> tuple[str, str]:
    """Return the event's id and its source."""
    if envelope.specversion != "1.0":
        raise FieldError(Reason.INVALID_ENVELOPE, f"specversion must be '1.0', not {quoted(envelope.specversion)}.")
    event_id = read_id("id", envelope.id, reason=Reason.INVALID_ENVELOPE)
    return event_id, read_repeated_id("source", envelope.source, MAX_SOURCE_BYTES, Reason.INVALID_ENVELOPE)


def _read_sequence(envelope: Envelope) -> int:
    raw = bytes(envelope.sequence)
    return read_sequence(_decode(_decode_any, raw, "sequence", Reason.INVALID_ENVELOPE)) if raw else 0


def _decode_data(decode: Callable[[bytes], Decoded], envelope: Envelope) -> Decoded:
    raw = bytes(envelope.data)
    if raw in (b"", b"null"):
        raise FieldError(
            Reason.INVALID_DATA, "data is missing; it must be a JSON object (data_base64 is not supported)."
        )
    return _decode(decode, raw, "data", Reason.INVALID_DATA)


def reject(raw: bytes, sender: Sender, reason: Reason, detail: str) -> Rejection:
    """Return the rejection of an invalid event, with its known fields, its size and its hash."""
    kept = keep_known_fields(raw)
    org_id = sender.org_id if sender.org_id is not None else kept_organization(kept)
    return Rejection(
        org_id=org_id,
        event_id=kept.event_id,
        reason=reason,
        detail=detail,
        hash=sha256(raw).digest()[:16],
        size=len(raw),
        kept_fields=kept.json,
        complete=kept.complete,
    )


def _organization(organization_id: str | None, sender: Sender) -> str:
    """Return the sender's organization, or the event's if the sender may send for any."""
    if sender.org_id is None:
        if not organization_id:
            sentence = "data.organization_id is missing; with a sender key, every event must name its organization."
            raise FieldError(Reason.MISSING_ORGANIZATION, sentence)
        return read_repeated_id("data.organization_id", organization_id)
    if organization_id and organization_id != sender.org_id:
        sentence = (
            f"data.organization_id is {quoted(organization_id)}, but this credential sends for another organization."
        )
        raise FieldError(Reason.FOREIGN_ORGANIZATION, sentence)
    if not sender.org_id:
        raise FieldError(Reason.MISSING_ORGANIZATION, "data.organization_id is missing.")
    return sender.org_id


def _decode(decode: Callable[[bytes], Decoded], raw: bytes, path: str, reason: Reason) -> Decoded:
    """Decode JSON. Raises FieldError with a sentence that names the field; `path` is the path of the whole value."""
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise FieldError(reason, _explain(str(error), path)) from None
    except RecursionError:
        raise FieldError(Reason.MALFORMED, "The event is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        sentence = "The event is not JSON in UTF-8 (NaN, a lone surrogate or broken syntax)."
        raise FieldError(Reason.MALFORMED, sentence) from None


def _explain(message: str, path: str) -> str:
    """Turn msgspec's error message into a sentence that begins with the field's path."""
    inner_path = _PATH.search(message)
    inner = inner_path.group(1) if inner_path else ""
    field = ".".join(part for part in (path, inner) if part) or "The event"
    problem = _PATH.sub("", message).replace("Object missing required field", "missing required field")
    return f"{field}: {problem[:1].lower()}{problem[1:120]}."
