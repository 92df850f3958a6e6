"""Telnyx: calls under call control, and the conversations of its AI assistants (docs/connectors/telnyx.md).

A call's id is its call_leg_id. The legs of one call (a transfer makes a second one) share a call_session_id: that goes
into `elsewhere`, so that they are one call.

No single message tells all of a call: the direction stands in call.initiated alone, the assistant in
call.conversation.ended, the end in call.hangup. So each message is a part of what is known of the call.
"""

import re
from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.carrier import own_number, unmetered_type
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
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    PartialRecordUpdate,
    Provider,
    Reading,
)
from talkmeter.ingest.connectors.telnyx_call import Part, join
from talkmeter.ingest.connectors.verification import as_bytes, read_header, require_recent
from talkmeter.records import ConversationStatus, Direction

SIGNATURE: Final = "Telnyx-Signature-Ed25519"
TIMESTAMP: Final = "Telnyx-Timestamp"
TOLERANCE_SEC: Final = 300
_SECONDS: Final = re.compile("[0-9]{1,12}")
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64

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


class Payload(msgspec.Struct):
    """What is read of `data.payload`."""

    call_leg_id: str | None = None
    call_session_id: str | None = None
    direction: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    start_time: str | None = None
    hangup_cause: str | None = None
    assistant_id: str | None = None
    calling_party_type: str | None = None
    duration_sec: Number | None = None


class Head(msgspec.Struct):
    """The event around its payload, which is decoded only where the type is metered."""

    event_type: str
    id: str | None = None
    occurred_at: str | None = None
    payload: msgspec.Raw = msgspec.Raw(b"{}")


class Envelope(msgspec.Struct):
    """The whole body."""

    data: Head


def _prove(message: Message, secrets: Sequence[str]) -> None:
    """Ed25519 over `time|body`; the connector's secrets are public keys of the account."""
    timestamp = read_header(message, TIMESTAMP)
    if _SECONDS.fullmatch(timestamp) is None:
        raise NotVerified(f"The header {TIMESTAMP} must be the seconds since 1970.")
    signature = _from_base64(read_header(message, SIGNATURE), _SIGNATURE_BYTES)
    if signature is None:
        raise NotVerified(f"The header {SIGNATURE} must be {_SIGNATURE_BYTES} bytes in base64.")
    signed = as_bytes(timestamp) + b"|" + message.body
    if not any(_is_signed_with(key, signature, signed) for key in secrets):
        raise NotVerified("The message is signed with another key than the connector's, or was changed on its way.")
    require_recent(int(timestamp) * MICROSECONDS_PER_SECOND, message.received_at, TOLERANCE_SEC)


def _is_signed_with(public_key: str, signature: bytes, signed: bytes) -> bool:
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


def _read(message: Message) -> Reading:
    head = read_json(message.body, Envelope).data
    if head.event_type not in _PARTS:
        return Ignored(unmetered_type(head.event_type))
    payload = read_json(bytes(head.payload), Payload)
    leg = require_id("data.payload.call_leg_id", payload.call_leg_id)
    session = read_optional("data.payload.call_session_id", payload.call_session_id)
    occurred_at = _instant("data.occurred_at", head.occurred_at)
    part = _PARTS[head.event_type](payload, occurred_at // 1_000)
    return (
        PartialRecordUpdate(
            id=leg,
            amend=partial(join, part),
            time=occurred_at,
            event_id=require_id("data.id", head.id),
            elsewhere=() if session in {None, leg} else (f"telnyx:{session}",),
        ),
    )


def _initiated(payload: Payload, occurred_ms: int) -> Part:
    direction = _DIRECTIONS.get(payload.direction or "")
    if direction is None:
        raise NotUnderstood(f"data.payload.direction must be one of {', '.join(_DIRECTIONS)}.")
    start = payload.start_time
    return Part(
        start=_instant("data.payload.start_time", start) // 1_000 if start else occurred_ms,
        status="ringing" if direction == "inbound" else "triggered",
        direction=direction,
        agent_number=own_number(payload.to if direction == "inbound" else payload.from_),
    )


def _answered(_: Payload, occurred_ms: int) -> Part:
    return Part(start=occurred_ms, status="in_progress")


def _hung_up(payload: Payload, occurred_ms: int) -> Part:
    status = _CAUSES.get(payload.hangup_cause or "unspecified")
    if status is None:
        raise NotUnderstood(f"data.payload.hangup_cause must be one of {', '.join(_CAUSES)}.")
    start = _instant("data.payload.start_time", payload.start_time) // 1_000
    duration_between(start * 1_000, occurred_ms * 1_000)
    return Part(start=start, status=status, end=occurred_ms if status == "completed" else None)


def _conversed(payload: Payload, occurred_ms: int) -> Part:
    duration_ms = read_duration_ms("data.payload.duration_sec", payload.duration_sec, 1_000)
    if duration_ms is None:
        raise NotUnderstood("data.payload.duration_sec must be there: the seconds of the conversation.")
    start = occurred_ms - duration_ms
    return Part(
        start=require_range("data.occurred_at less data.payload.duration_sec", start * 1_000) // 1_000,
        status="completed",
        end=occurred_ms,
        channel="webrtc" if payload.calling_party_type == "web" else None,
        agent_id=read_optional("data.payload.assistant_id", payload.assistant_id),
    )


_PARTS: Final = {
    "call.initiated": _initiated,
    "call.answered": _answered,
    "call.hangup": _hung_up,
    "call.conversation.ended": _conversed,
}


def _instant(name: str, text: str | None) -> int:
    instant = read_text_instant(name, text)
    if instant is None:
        raise NotUnderstood(f"{name} must be there: an RFC 3339 date and time, such as 2026-11-01T09:30:00Z.")
    return instant


PROVIDER: Final = Provider(name="telnyx", side="carrier", verify=_prove, read=_read)
