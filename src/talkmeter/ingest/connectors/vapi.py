"""Vapi: the report that it sends when a call is over, and its list of calls (docs/connectors/vapi.md).

Vapi authenticates its messages in one of two configurable ways: an HMAC of time and body, or the secret itself in a
header. Only the HMAC protects the body.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.carrier import as_phone_number, type_label
from talkmeter.ingest.connectors.listed_call import ListedCall
from talkmeter.ingest.connectors.payload import (
    Number,
    duration_between,
    read_duration_ms,
    read_json,
    read_optional,
    read_text_instant,
    read_unix,
    require_id,
    require_range,
)
from talkmeter.ingest.connectors.provider import (
    TEST_TYPE,
    Assumed,
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    Provider,
    ReadResult,
    RecordUpdate,
    build_message,
)
from talkmeter.ingest.connectors.verification import (
    MICROSECONDS_PER_MILLISECOND,
    as_bytes,
    read_header,
    require_recent,
    timestamped_mac,
    verify_with_secrets,
)
from talkmeter.records import Conversation, Kind
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction

METERED: Final = "end-of-call-report"
TOLERANCE_SEC: Final = 300

_TIMESTAMP: Final = re.compile("[0-9]{1,16}")
_EARLIEST_MS: Final = 100_000_000_000
"""The unit of the timestamp is not documented. This number is the year 5138 in seconds, 1973 in milliseconds."""

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
_CARRIERS: Final = frozenset({"twilio", "telnyx"})
"""The carriers with a connector: by Twilio's CallSid, and by Telnyx' call_control_id."""


class _NamedResource(msgspec.Struct):
    id: str | None = None
    number: str | None = None


class _VapiCall(msgspec.Struct, rename="camel"):
    id: str | None = None
    type: str | None = None
    assistant_id: str | None = None
    squad_id: str | None = None
    workflow_id: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    phone_number_id: str | None = None
    phone_number: _NamedResource | None = None
    phone_call_provider: str | None = None
    phone_call_provider_id: str | None = None


class _VapiListedCall(_VapiCall):
    ended_reason: str | None = None
    status: str | None = None


class _VapiReport(msgspec.Struct, rename="camel"):
    type: str
    ended_reason: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    timestamp: Number | None = None
    duration_ms: Number | None = None
    duration_seconds: Number | None = None
    duration_minutes: Number | None = None
    assistant: _NamedResource | None = None
    phone_number: _NamedResource | None = None
    call: _VapiCall | None = None


class _ReportBody(msgspec.Struct):
    message: _VapiReport


class _MessageType(msgspec.Struct):
    type: str


class _TypeBody(msgspec.Struct):
    message: _MessageType


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify the HMAC if there is one, because it protects the body too; else the secret in the header."""
    if "x-signature" not in message.headers:
        given = read_header(message, "X-Vapi-Secret")
        verify_with_secrets(secrets, given, lambda secret: secret)
        return
    signature = read_header(message, "x-signature")
    timestamp = read_header(message, "x-timestamp")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise NotVerified("The header x-timestamp must be the seconds or milliseconds since 1970.")
    verify_with_secrets(secrets, signature, lambda secret: timestamped_mac(secret, timestamp, message.body))
    time = int(timestamp)
    unit = MICROSECONDS_PER_MILLISECOND if time >= _EARLIEST_MS else MICROSECONDS_PER_SECOND
    require_recent(time * unit, message.received_at, TOLERANCE_SEC)


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE, signed like Vapi's."""
    body, timestamp = msgspec.json.encode({"message": {"type": TEST_TYPE}}), str(now // MICROSECONDS_PER_SECOND)
    signature = timestamped_mac(as_bytes(secret), timestamp, body)
    return build_message(url, body, {"x-timestamp": timestamp, "x-signature": signature}, now)


def read(message: Message) -> ReadResult:
    """Return the call of an end-of-call report; any other type is not metered."""
    type_ = read_json(message.body, _TypeBody).message.type
    if type_ != METERED:
        return Ignored(type_label(type_))
    return (_call_update(read_json(message.body, _ReportBody).message),)


def read_call(body: bytes) -> ListedCall:
    """Return a listed call with the update that its report contains.

    A listed call has the format of a report's `message.call` (Vapi's API reference, "List Calls"). Raises
    NotUnderstood if it cannot be counted.
    """
    call = read_json(body, _VapiListedCall)
    if call.status != "ended" and not call.ended_at:
        started = call.started_at or call.created_at
        return ListedCall(require_id("id", call.id), read_text_instant("startedAt", started))
    update = _call_update(_VapiReport(type=METERED, ended_reason=call.ended_reason, call=call))
    return ListedCall(update.id, None, update)


def _call_update(report: _VapiReport) -> RecordUpdate:
    call = report.call or _VapiCall()
    # The call's id is the same in every message of the call. Reports have no event id, but each call has only one.
    id_ = require_id("message.call.id", call.id)
    start = read_text_instant("message.startedAt", report.started_at or call.started_at)
    end = read_text_instant("message.endedAt", report.ended_at or call.ended_at)
    created = read_text_instant("message.call.createdAt", call.created_at)
    sent = read_unix("message.timestamp", report.timestamp, 1_000)
    given_ms = _given_duration_ms(report)
    if start is None and end is not None and given_ms:
        start = require_range("message.endedAt minus the duration", end - given_ms * 1_000)
    # A call that was never answered may have no start: use its creation, its end or the report's time.
    created_at = next((instant for instant in (start, created, end, sent) if instant is not None), None)
    if created_at is None:
        raise NotUnderstood("message.startedAt, call.createdAt, endedAt or timestamp is required; all are missing.")
    channel, direction, assumed = _channel_and_direction(call)
    status = _status(report.ended_reason or "", channel, answered=start is not None or bool(given_ms))
    duration_ms = given_ms if start is None or end is None else duration_between(start, end)
    if not report.ended_reason:
        assumed = (*assumed, "answered")
    record = Conversation(
        channel=channel,
        direction=direction,
        status=status,
        created_at=created_at,
        duration_ms=None if status == "unanswered" else duration_ms,
        modality="voice",
        agent_id=_agent_id(report, call),
        agent_number=_agent_number(report, call) if channel == "telephone" else None,
    )
    time = created_at if end is None else end
    return RecordUpdate(
        Kind.CONVERSATION,
        id_,
        record,
        time,
        f"{METERED}:{id_}",
        linked_ids=_linked_ids(call),
        assumed=assumed,
    )


def _given_duration_ms(report: _VapiReport) -> int | None:
    """Return the duration that a report gives. Vapi documents no such field, but sends them."""
    for name, number, ms in (
        ("durationMs", report.duration_ms, 1),
        ("durationSeconds", report.duration_seconds, 1_000),
        ("durationMinutes", report.duration_minutes, 60_000),
    ):
        if number is not None:
            return read_duration_ms(f"message.{name}", number, ms)
    return None


def _channel_and_direction(call: _VapiCall) -> tuple[Channel, Direction, tuple[Assumed, ...]]:
    """Return the channel, the direction, and which of them the type does not say."""
    known = _TYPES.get(call.type or "")
    if known is not None:
        return (*known, ())
    has_line = call.phone_call_provider or call.phone_call_provider_id or call.phone_number_id or call.phone_number
    return "telephone" if has_line else "webrtc", "inbound", ("channel", "direction")


def _status(reason: str, channel: Channel, *, answered: bool) -> ConversationStatus:
    """Return the status by the reason of the call's end. Vapi has about 600 reasons and keeps adding more."""
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


def _agent_id(report: _VapiReport, call: _VapiCall) -> str | None:
    """Return the assistant's id, or that of the squad or workflow in its place."""
    assistant = report.assistant.id if report.assistant else None
    agent_id = call.assistant_id or call.squad_id or call.workflow_id or assistant
    return read_optional("message.call.assistantId", agent_id)


def _agent_number(report: _VapiReport, call: _VapiCall) -> str | None:
    """Return the agent's phone number, or its id at Vapi if the number itself is missing."""
    resources = (report.phone_number, call.phone_number)
    number = next((each.number for each in resources if each and each.number), None)
    return as_phone_number(number) or read_optional("message.call.phoneNumberId", call.phone_number_id)


def _linked_ids(call: _VapiCall) -> tuple[str, ...]:
    """Return the call's id at its carrier. Calls on Vapi's own numbers have no id that a carrier's webhook repeats."""
    if call.phone_call_provider not in _CARRIERS or not call.phone_call_provider_id:
        return ()
    return (f"{call.phone_call_provider}:{require_id('phoneCallProviderId', call.phone_call_provider_id)}",)


_KEPT: Final = (
    "message/type",
    "message/endedReason",
    "message/startedAt",
    "message/endedAt",
    "message/timestamp",
    "message/durationMs",
    "message/durationSeconds",
    "message/durationMinutes",
    "message/call/id",
    "message/call/type",
    "message/call/status",
    "message/call/createdAt",
    "message/call/startedAt",
    "message/call/endedAt",
    "message/call/assistantId",
    "message/call/squadId",
    "message/call/workflowId",
    "message/call/phoneNumberId",
    "message/call/phoneCallProvider",
    "message/call/phoneCallProviderId",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="vapi",
    side="agent",
    verify=verify,
    read=read,
    kept=_KEPT,
    make_test_message=make_test_message,
)
