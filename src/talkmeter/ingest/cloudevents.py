"""CloudEvents 1.0 into states of records: one undecoded event -> a State, or a Rejection that says why not.

Types and fields: docs/reference/http-api.md. Unknown fields are ignored; "" is null.
"""

import re
from collections.abc import Callable
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from talkmeter.errors import quoted
from talkmeter.ingest.event_types import (
    EVENT_TYPES,
    ConversationData,
    Envelope,
    InventoryData,
    WorkflowExecutionData,
)
from talkmeter.ingest.fields import (
    MAX_SOURCE_BYTES,
    FieldError,
    read_id,
    read_repeated_id,
    read_sequence,
    read_time,
)
from talkmeter.ingest.quarantine import keep_known_fields, read_named_organization
from talkmeter.ledger.batch import ParsedEvent, Reason, Rejection
from talkmeter.records import (
    Record,
    State,
    data_hash,
)

_decode_any: Final = msgspec.json.Decoder().decode
_decode_envelope: Final = msgspec.json.Decoder(Envelope).decode
Decoded = TypeVar("Decoded")
_PATH: Final = re.compile(r" - at `\$\.?(.*)`$")


class Sender(msgspec.Struct, frozen=True):
    """Who sends: events of one organization (`org_id`), or of any (None: a sender key, the command line)."""

    credential_id: str
    org_id: str | None


def read_event(raw: bytes, sender: Sender) -> ParsedEvent:
    """One structured event, undecoded, as a state or as a rejection; never raises for what the sender wrote."""
    try:
        return read_envelope(_decode(_decode_envelope, raw, "", Reason.INVALID_ENVELOPE), sender)
    except FieldError as error:
        return reject(raw, sender, error.reason, error.detail)


def read_envelope(envelope: Envelope, sender: Sender) -> State:
    """A decoded envelope as a state. FieldError where envelope or data cannot be counted with."""
    if envelope.specversion != "1.0":
        raise FieldError(Reason.INVALID_ENVELOPE, f"specversion must be '1.0', not {quoted(envelope.specversion)}.")
    event_id = read_id("id", envelope.id, reason=Reason.INVALID_ENVELOPE)
    source = read_repeated_id("source", envelope.source, MAX_SOURCE_BYTES, Reason.INVALID_ENVELOPE)
    event_type = EVENT_TYPES.get(envelope.type)
    if event_type is None:
        known = ", ".join(sorted(EVENT_TYPES))
        raise FieldError(Reason.UNKNOWN_TYPE, f"type {quoted(envelope.type)} is not metered; known types: {known}.")
    time = read_time("time", envelope.time, Reason.INVALID_ENVELOPE)
    sequence, raw_data = bytes(envelope.sequence), bytes(envelope.data)
    if raw_data in (b"", b"null"):
        raise FieldError(Reason.INVALID_DATA, "data is missing; it must be a JSON object (data_base64 is not read).")
    data = _decode(event_type.decode, raw_data, "data", Reason.INVALID_DATA)
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
        sequence=read_sequence(_decode(_decode_any, sequence, "sequence", Reason.INVALID_ENVELOPE)) if sequence else 0,
        source=source,
        event_id=event_id,
        hash=data_hash(record),
    )


def reject(raw: bytes, sender: Sender, reason: Reason, detail: str) -> Rejection:
    """What is kept of an event that cannot be counted: known fields, cut; of the rest size and hash."""
    kept = keep_known_fields(raw)
    org_id = sender.org_id if sender.org_id is not None else read_named_organization(kept)
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


def _organization(named: str | None, sender: Sender) -> str:
    """Whose record it is: the caller's, or for a sender of any organization the one the event names."""
    if sender.org_id is None:
        if not named:
            sentence = (
                "data.organization_id is missing; a sender key sends for any organization, so each event names its own."
            )
            raise FieldError(Reason.MISSING_ORGANIZATION, sentence)
        return read_repeated_id("data.organization_id", named)
    if named and named != sender.org_id:
        sentence = f"data.organization_id is {quoted(named)}, but this credential sends for another organization."
        raise FieldError(Reason.FOREIGN_ORGANIZATION, sentence)
    if not sender.org_id:
        raise FieldError(Reason.MISSING_ORGANIZATION, "data.organization_id is missing, so the event is nobody's.")
    return sender.org_id


def _decode(decode: Callable[[bytes], Decoded], raw: bytes, where: str, reason: Reason) -> Decoded:
    """Decode JSON; FieldError with a sentence that names the field."""
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise FieldError(reason, _explain(str(error), where)) from None
    except RecursionError:
        raise FieldError(Reason.MALFORMED, "The event is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        sentence = "The event is not JSON in UTF-8 (NaN, a lone surrogate or broken syntax)."
        raise FieldError(Reason.MALFORMED, sentence) from None


def _explain(message: str, where: str) -> str:
    """The message of msgspec as a sentence about a field of the event."""
    path = _PATH.search(message)
    inner = path.group(1) if path else ""
    field = ".".join(part for part in (where, inner) if part) or "The event"
    said = _PATH.sub("", message).replace("Object missing required field", "misses the required field")
    return f"{field}: {said[:1].lower()}{said[1:120]}."
