"""Vapi: the report that it sends when a call is over, and its list of calls (docs/connectors/vapi.md).

Two proofs are taken, by what is configured there: an HMAC of time and body, or the secret itself in a header. The
first also proves that the body is as it was sent.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.carrier import own_number, unmetered_type
from talkmeter.ingest.connectors.listed_call import Listed
from talkmeter.ingest.connectors.payload import (
    Number,
    duration_between,
    read_json,
    read_optional,
    read_text_instant,
    read_unix,
    require_id,
)
from talkmeter.ingest.connectors.provider import (
    TEST,
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    Provider,
    Reading,
    RecordUpdate,
    posted,
)
from talkmeter.ingest.connectors.verification import (
    MICROSECONDS_PER_MILLISECOND,
    as_bytes,
    read_header,
    require_recent,
    require_secret,
    timed_mac,
)
from talkmeter.records import Channel, Conversation, ConversationStatus, Direction, Kind

METERED: Final = "end-of-call-report"
TOLERANCE_SEC: Final = 300

_TIMESTAMP: Final = re.compile("[0-9]{1,16}")
_EARLIEST_MS: Final = 100_000_000_000
"""The unit of the timestamp is not documented. Taken as seconds this is the year 5138, as milliseconds 1973."""

_TYPES: Final[dict[str, tuple[Channel, Direction]]] = {
    "inboundPhoneCall": ("telephone", "inbound"),
    "outboundPhoneCall": ("telephone", "outbound"),
    "webCall": ("webrtc", "inbound"),
    "vapi.websocketCall": ("webrtc", "inbound"),
}
_UNANSWERED: Final = frozenset({"customer-busy", "customer-did-not-answer", "twilio-reported-customer-misdialed"})
_TRANSFERRED: Final = "assistant-forwarded-call"
_CANCELLED: Final = "manually-canceled"
_FAILED: Final = re.compile("error|fail|not-found|disconnected|closed-websocket|worker-shutdown|license")
_CARRIERS: Final = frozenset({"twilio", "telnyx", "vonage"})


class _Named(msgspec.Struct):
    id: str | None = None
    number: str | None = None


class _Call(msgspec.Struct, rename="camel"):
    id: str | None = None
    type: str | None = None
    assistant_id: str | None = None
    squad_id: str | None = None
    workflow_id: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    phone_number_id: str | None = None
    phone_number: _Named | None = None
    phone_call_provider: str | None = None
    phone_call_provider_id: str | None = None


class _ListedCall(_Call):
    ended_reason: str | None = None
    status: str | None = None


class _Report(msgspec.Struct, rename="camel"):
    type: str
    ended_reason: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    timestamp: Number | None = None
    assistant: _Named | None = None
    phone_number: _Named | None = None
    call: _Call | None = None


class _Body(msgspec.Struct):
    message: _Report


class _Typed(msgspec.Struct):
    type: str


class _TypedBody(msgspec.Struct):
    message: _Typed


def verify(message: Message, secrets: Sequence[str]) -> None:
    """The HMAC where there is one, for it proves more; else the secret in its header."""
    if "x-signature" not in message.headers:
        given = read_header(message, "X-Vapi-Secret")
        require_secret(secrets, given, lambda secret: secret)
        return
    signature = read_header(message, "x-signature")
    timestamp = read_header(message, "x-timestamp")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise NotVerified("The header x-timestamp must be the seconds or milliseconds since 1970.")
    require_secret(secrets, signature, lambda secret: timed_mac(secret, timestamp, message.body))
    time = int(timestamp)
    unit = MICROSECONDS_PER_MILLISECOND if time >= _EARLIEST_MS else MICROSECONDS_PER_SECOND
    require_recent(time * unit, message.received_at, TOLERANCE_SEC)


def _test(secret: str, url: str, now: int) -> Message:
    body, timestamp = msgspec.json.encode({"message": {"type": TEST}}), str(now // MICROSECONDS_PER_SECOND)
    signature = timed_mac(as_bytes(secret), timestamp, body)
    return posted(url, body, {"x-timestamp": timestamp, "x-signature": signature}, now)


def read(message: Message) -> Reading:
    """The call of an end-of-call report; any other type is not metered."""
    type_ = read_json(message.body, _TypedBody).message.type
    if type_ != METERED:
        return Ignored(unmetered_type(type_))
    return (_told(read_json(message.body, _Body).message),)


def read_call(body: bytes) -> Listed:
    """A call of the list, as its report would have told of it. NotUnderstood where it cannot be counted.

    It is what stands in a report as `message.call` (Vapi's API reference, "List Calls").
    """
    call = read_json(body, _ListedCall)
    if call.status != "ended" and not call.ended_at:
        started = call.started_at or call.created_at
        return Listed(require_id("id", call.id), read_text_instant("startedAt", started))
    told = _told(_Report(type=METERED, ended_reason=call.ended_reason, call=call))
    return Listed(told.id, None, told)


def _told(report: _Report) -> RecordUpdate:
    call = report.call or _Call()
    # The call's own id, the same in every message of the call. There is no id of the event: each call has one report.
    id_ = require_id("message.call.id", call.id)
    start = read_text_instant("message.startedAt", report.started_at or call.started_at)
    end = read_text_instant("message.endedAt", report.ended_at or call.ended_at)
    created = read_text_instant("message.call.createdAt", call.created_at)
    sent = read_unix("message.timestamp", report.timestamp, 1_000)
    # A call that was never answered may have no start: it was made when it was created, or was over at once.
    created_at = next((instant for instant in (start, created, end, sent) if instant is not None), None)
    if created_at is None:
        raise NotUnderstood("message.startedAt, call.createdAt, endedAt or timestamp is needed; none of them is there.")
    channel, direction = _type_of(call)
    status = _status_of(report.ended_reason or "", channel, answered=start is not None)
    duration_ms = None if start is None or end is None or status == "unanswered" else duration_between(start, end)
    record = Conversation(
        channel=channel,
        direction=direction,
        status=status,
        created_at=created_at,
        duration_ms=duration_ms,
        modality="voice",
        agent_id=_agent_of(report, call),
        agent_number=_number_of(report, call) if channel == "telephone" else None,
    )
    time = created_at if end is None else end
    return RecordUpdate(Kind.CONVERSATION, id_, record, time, f"{METERED}:{id_}", elsewhere=_elsewhere(call))


def _type_of(call: _Call) -> tuple[Channel, Direction]:
    known = _TYPES.get(call.type or "")
    if known is None:
        raise NotUnderstood(f"message.call.type must be one of {', '.join(_TYPES)}.")
    return known


def _status_of(reason: str, channel: Channel, *, answered: bool) -> ConversationStatus:
    """What became of the call, by the reason of its end; there are some 600, and more to come."""
    if reason in _UNANSWERED:
        return "unanswered"
    if reason == _CANCELLED:
        return "cancelled"
    if reason == _TRANSFERRED:
        return "transferred"
    if _FAILED.search(reason):
        return "failed"
    if answered:
        return "completed"
    return "unanswered" if channel == "telephone" else "failed"


def _agent_of(report: _Report, call: _Call) -> str | None:
    """The assistant; where a squad or a workflow talks, that one."""
    assistant = report.assistant.id if report.assistant else None
    named = call.assistant_id or call.squad_id or call.workflow_id or assistant
    return read_optional("message.call.assistantId", named)


def _number_of(report: _Report, call: _Call) -> str | None:
    """Our number; where only its id at Vapi is told, that one."""
    numbers = (report.phone_number, call.phone_number)
    named = next((each.number for each in numbers if each and each.number), None)
    return own_number(named) or read_optional("message.call.phoneNumberId", call.phone_number_id)


def _elsewhere(call: _Call) -> tuple[str, ...]:
    """The same call at its carrier; numbers of Vapi's own are on no carrier that we hear of."""
    if call.phone_call_provider not in _CARRIERS or not call.phone_call_provider_id:
        return ()
    return (f"{call.phone_call_provider}:{require_id('phoneCallProviderId', call.phone_call_provider_id)}",)


PROVIDER: Final = Provider("vapi", "agent", verify, read, test=_test)
