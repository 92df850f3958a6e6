"""Telnyx: Call Control calls, and the conversations of its AI assistants (docs/connectors/telnyx.md).

A call's id is its call_leg_id. The legs of one call (a transfer makes a second one) share a call_session_id. That id
goes into `linked_ids`, so the legs count as one call. So does the call_control_id, by which Vapi names a call.

No single message describes a whole call: only call.initiated has the direction, only call.conversation.ended the
assistant, only call.hangup the end. So each message is a partial update of the call.
"""

import re
from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.carrier import as_phone_number, type_label
from talkmeter.ingest.connectors.forms import FORM
from talkmeter.ingest.connectors.payload import (
    Number,
    duration_between,
    read_duration_ms,
    read_json,
    read_optional,
    read_text_instant,
    require_id,
    require_range,
)
from talkmeter.ingest.connectors.provider import (
    Assumed,
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    PartialRecordUpdate,
    Provider,
    ReadResult,
    SecretForm,
)
from talkmeter.ingest.connectors.telnyx_call import CallPart, merge
from talkmeter.ingest.connectors.verification import as_bytes, read_header, require_recent
from talkmeter_client.vocabulary import ConversationStatus, Direction

SIGNATURE: Final = "Telnyx-Signature-Ed25519"
TIMESTAMP: Final = "Telnyx-Timestamp"
TOLERANCE_SEC: Final = 300
_SECONDS: Final = re.compile("[0-9]{1,12}")
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_FIRST_LEG_MS: Final = 50
"""Telnyx' documentation has samples of sessions that are 0.1 and 35 ms older than their first leg."""
_SESSION_START_MS: Final = 1_000
_UUID_EPOCH: Final = 0x01B21DD213814000
"""1970-01-01 in units of 100 nanoseconds since 1582-10-15, the epoch of version 1 UUIDs."""

_DIRECTIONS: Final[dict[str, Direction]] = {"incoming": "inbound", "outgoing": "outbound"}
_CAUSES: Final[dict[str, ConversationStatus]] = {
    "normal_clearing": "completed",
    "time_limit": "completed",
    "originator_cancel": "cancelled",
    "timeout": "unanswered",
    "no_answer": "unanswered",
    "user_busy": "unanswered",
    "call_rejected": "unanswered",
    "not_found": "failed",
    "unspecified": "failed",
}


class _TelnyxPayload(msgspec.Struct):
    """The fields of `data.payload` that are read."""

    call_leg_id: str | None = None
    call_session_id: str | None = None
    call_control_id: str | None = None
    direction: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    start_time: str | None = None
    hangup_cause: str | None = None
    sip_hangup_cause: str | None = None
    assistant_id: str | None = None
    calling_party_type: str | None = None
    duration_sec: Number | None = None


class _TelnyxEvent(msgspec.Struct):
    """The event. Its payload is decoded only if the type is metered."""

    event_type: str
    id: str | None = None
    occurred_at: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class _TelnyxBody(msgspec.Struct):
    data: _TelnyxEvent


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify an Ed25519 signature of `time|body`. The connector's secrets are public keys of the account."""
    timestamp = read_header(message, TIMESTAMP)
    if _SECONDS.fullmatch(timestamp) is None:
        raise NotVerified(f"The header {TIMESTAMP} must be the seconds since 1970.")
    signature = _from_base64(read_header(message, SIGNATURE), _SIGNATURE_BYTES)
    if signature is None:
        raise NotVerified(f"The header {SIGNATURE} must be {_SIGNATURE_BYTES} bytes in base64.")
    signed = as_bytes(timestamp) + b"|" + message.body
    if not any(_is_signature_valid(key, signature, signed) for key in secrets):
        raise NotVerified("The signature is invalid: it was made with another key, or the message was changed.")
    require_recent(int(timestamp) * MICROSECONDS_PER_SECOND, message.received_at, TOLERANCE_SEC)


def _is_signature_valid(public_key: str, signature: bytes, signed: bytes) -> bool:
    key = _from_base64(public_key.strip(), _KEY_BYTES)
    if key is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _from_base64(text: str, size: int) -> bytes | None:
    try:
        decoded = b64decode(as_bytes(text), validate=True)
    except ValueError:
        return None
    return decoded if len(decoded) == size else None


def read(message: Message) -> ReadResult:
    """Return the part of a call that the event reports; other events are not metered."""
    if message.headers.get("content-type", "").lower().startswith(FORM):
        return Ignored("TeXML")
    event = read_json(message.body, _TelnyxBody).data
    if event.event_type not in _PARTS:
        return Ignored(type_label(event.event_type))
    payload = read_json(bytes(event.payload), _TelnyxPayload)
    leg = require_id("data.payload.call_leg_id", payload.call_leg_id)
    session = read_optional("data.payload.call_session_id", payload.call_session_id)
    control = read_optional("data.payload.call_control_id", payload.call_control_id)
    occurred_at = _required_instant("data.occurred_at", event.occurred_at)
    part = _PARTS[event.event_type](payload, occurred_at // 1_000)
    return (
        PartialRecordUpdate(
            id=leg,
            merge=partial(merge, part),
            time=occurred_at,
            event_id=require_id("data.id", event.id),
            linked_ids=tuple(f"telnyx:{id_}" for id_ in (session, control) if id_ not in {None, leg}),
            assumed=_assumed(event.event_type, payload),
        ),
    )


def _initiated_part(payload: _TelnyxPayload, occurred_ms: int) -> CallPart:
    direction = _DIRECTIONS.get(payload.direction or "")
    start = payload.start_time
    start_ms = _required_instant("data.payload.start_time", start) // 1_000 if start else occurred_ms
    number: str | None = None
    if direction == "inbound":
        number = payload.to
    elif direction == "outbound" and _is_first_leg(payload, start_ms):
        number = payload.from_
    return CallPart(
        start=start_ms,
        status="ringing" if direction == "inbound" else "triggered",
        direction=direction,
        agent_number=as_phone_number(number),
    )


def _is_first_leg(payload: _TelnyxPayload, start_ms: int) -> bool:
    """Return whether the leg certainly began the session. A later leg can have the caller's number as `from`.

    Telnyx makes the ids of a session and of its first leg within a fraction of a second, and they contain the time.
    """
    if payload.call_session_id in {None, "", payload.call_leg_id}:
        return True
    session, leg = _uuid_ms(payload.call_session_id), _uuid_ms(payload.call_leg_id)
    if session is None or leg is None:
        return False
    return abs(leg - session) <= _FIRST_LEG_MS and abs(start_ms - session) <= _SESSION_START_MS


def _uuid_ms(text: str | None) -> float | None:
    """Return the time of a version 1 UUID, in milliseconds since 1970; None if it is something else."""
    try:
        uuid = UUID(text or "")
    except ValueError:
        return None
    return (uuid.time - _UUID_EPOCH) / 10_000 if uuid.version == 1 else None


def _answered_part(_: _TelnyxPayload, occurred_ms: int) -> CallPart:
    return CallPart(start=occurred_ms, status="in_progress")


def _hangup_part(payload: _TelnyxPayload, occurred_ms: int) -> CallPart:
    status = _CAUSES.get(payload.hangup_cause or "")
    if status is None:
        # A cause that Telnyx does not document says nothing about an answer. SIP ends only an answered call with 200.
        status = "completed" if payload.sip_hangup_cause == "200" else "failed"
    start = _required_instant("data.payload.start_time", payload.start_time) // 1_000
    duration_between(start * 1_000, occurred_ms * 1_000)
    return CallPart(start=start, status=status, end=occurred_ms if status == "completed" else None)


def _conversation_part(payload: _TelnyxPayload, occurred_ms: int) -> CallPart:
    duration_ms = read_duration_ms("data.payload.duration_sec", payload.duration_sec, 1_000)
    if duration_ms is None:
        raise NotUnderstood("data.payload.duration_sec is required: the seconds of the conversation.")
    start = occurred_ms - duration_ms
    return CallPart(
        start=require_range("data.occurred_at minus data.payload.duration_sec", start * 1_000) // 1_000,
        status="completed",
        end=occurred_ms,
        channel="webrtc" if payload.calling_party_type == "web" else None,
        agent_id=read_optional("data.payload.assistant_id", payload.assistant_id),
    )


def _assumed(event_type: str, payload: _TelnyxPayload) -> tuple[Assumed, ...]:
    if event_type == "call.initiated" and payload.direction not in _DIRECTIONS:
        return ("direction",)
    return ("answered",) if event_type == "call.hangup" and payload.hangup_cause not in _CAUSES else ()


_PARTS: Final = {
    "call.initiated": _initiated_part,
    "call.answered": _answered_part,
    "call.hangup": _hangup_part,
    "call.conversation.ended": _conversation_part,
}


def _required_instant(name: str, text: str | None) -> int:
    instant = read_text_instant(name, text)
    if instant is None:
        raise NotUnderstood(f"{name} is required: an RFC 3339 date and time, such as 2026-11-01T09:30:00Z.")
    return instant


_KEPT: Final = (
    "data/id",
    "data/event_type",
    "data/occurred_at",
    "data/payload/call_leg_id",
    "data/payload/call_session_id",
    "data/payload/direction",
    "data/payload/state",
    "data/payload/start_time",
    "data/payload/hangup_cause",
    "data/payload/hangup_source",
    "data/payload/sip_hangup_cause",
    "data/payload/assistant_id",
    "data/payload/calling_party_type",
    "data/payload/duration_sec",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="telnyx",
    side="carrier",
    verify=verify,
    read=read,
    kept=_KEPT,
    secret_form=SecretForm(
        lambda key: _from_base64(key, _KEY_BYTES) is not None, f"the account's public key: {_KEY_BYTES} bytes in base64"
    ),
)
