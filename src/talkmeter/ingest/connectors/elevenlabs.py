"""ElevenLabs Agents: ended conversations, and calls that never started (docs/connectors/elevenlabs.md)."""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.carrier import as_phone_number, type_label
from talkmeter.ingest.connectors.elevenlabs_medium import ConversationData, medium_of
from talkmeter.ingest.connectors.elevenlabs_trace import TraceEvent, trace_update
from talkmeter.ingest.connectors.payload import (
    Number,
    read_duration_ms,
    read_json,
    read_optional,
    read_unix,
    require_id,
)
from talkmeter.ingest.connectors.provider import (
    TEST_TYPE,
    Ignored,
    Message,
    NotUnderstood,
    NotVerified,
    Provider,
    ReadResult,
    RecordUpdate,
    SecretForm,
    build_message,
)
from talkmeter.ingest.connectors.verification import (
    as_bytes,
    read_header,
    require_recent,
    timestamped_mac,
    verify_with_secrets,
)
from talkmeter.records import Conversation, Kind

CONVERSATION_ENDED: Final = "post_call_transcription"
CALL_NOT_STARTED: Final = "call_initiation_failure"
TOLERANCE_SEC: Final = 1_800
_SECONDS: Final = re.compile("[0-9]{1,12}")


class _CarrierForm(msgspec.Struct):
    twilio_call_sid: str | None = msgspec.field(default=None, name="CallSid")
    twilio_from: str | None = msgspec.field(default=None, name="From")
    sip_from: str | None = msgspec.field(default=None, name="from_number")


class _FailureMetadata(msgspec.Struct):
    type: str | None = None
    body: _CarrierForm | None = None


class _FailureData(msgspec.Struct):
    conversation_id: str | None = None
    agent_id: str | None = None
    failure_reason: str | None = None
    metadata: _FailureMetadata | None = None


class _ElevenLabsEvent(msgspec.Struct):
    type: str


class _ConversationEvent(msgspec.Struct):
    data: ConversationData
    event_timestamp: Number | None = None


class _FailureEvent(msgspec.Struct):
    data: _FailureData
    event_timestamp: Number | None = None


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify an HMAC-SHA256 of the time and the body. If a part repeats, the last one counts, as in ElevenLabs' SDK."""
    pairs = (piece.partition("=") for piece in read_header(message, "ElevenLabs-Signature").split(","))
    pieces = {name: value for name, _, value in pairs}
    time, signature = pieces.get("t", ""), pieces.get("v0", "")
    if not _SECONDS.fullmatch(time) or not signature:
        raise NotVerified("The header ElevenLabs-Signature must be t=<seconds since 1970>,v0=<hexadecimal digits>.")
    verify_with_secrets(secrets, signature, lambda secret: timestamped_mac(secret, time, message.body))
    require_recent(int(time) * MICROSECONDS_PER_SECOND, message.received_at, TOLERANCE_SEC)


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE, signed like ElevenLabs'."""
    body, time = msgspec.json.encode({"type": TEST_TYPE}), str(now // MICROSECONDS_PER_SECOND)
    return build_message(
        url, body, {"ElevenLabs-Signature": f"t={time},v0={timestamped_mac(as_bytes(secret), time, body)}"}, now
    )


def read(message: Message) -> ReadResult:
    """Return a conversation that ended or never started. Audio and all other events are not metered."""
    match read_json(message.body, _ElevenLabsEvent).type:
        case "post_call_transcription":
            return (_conversation_update(read_json(message.body, _ConversationEvent)),)
        case "post_call_transcription_otel":
            return (trace_update(read_json(message.body, TraceEvent)),)
        case "call_initiation_failure":
            return (_failure_update(read_json(message.body, _FailureEvent)),)
        case type_:
            return Ignored(type_label(type_))


def _conversation_update(event: _ConversationEvent) -> RecordUpdate:
    data, metadata = event.data, event.data.metadata
    # A conversation has one id, whatever its channel.
    id_ = require_id("data.conversation_id", data.conversation_id)
    start = read_unix("data.metadata.start_time_unix_secs", metadata.start_time_unix_secs)
    if start is None:
        raise NotUnderstood("data.metadata.start_time_unix_secs must be the seconds since 1970 at which it began.")
    duration_ms = read_duration_ms("data.metadata.call_duration_secs", metadata.call_duration_secs, 1_000)
    medium = medium_of(data)
    status = medium.status or ("failed" if data.status == "failed" else "completed")
    record = Conversation(
        channel=medium.channel,
        direction=medium.direction,
        status=status,
        created_at=start,
        # A failed conversation of 0 seconds never connected, so it has no duration.
        duration_ms=None if status == "unanswered" or (status == "failed" and not duration_ms) else duration_ms,
        modality=medium.modality,
        agent_id=read_optional("data.agent_id", data.agent_id),
        agent_number=as_phone_number(medium.number),
    )
    end = start + (duration_ms or 0) * 1_000
    sent = read_unix("event_timestamp", event.event_timestamp)
    line = metadata.phone_call
    linked_ids = _linked_ids(line.type, line.call_sid) if line else ()
    return RecordUpdate(
        Kind.CONVERSATION,
        id_,
        record,
        end if sent is None else sent,
        f"{CONVERSATION_ENDED}:{id_}",
        # A trace of the same conversation says less, so it must not win even if it has the same time.
        sequence=1,
        linked_ids=linked_ids,
        assumed=medium.assumed,
    )


def _failure_update(event: _FailureEvent) -> RecordUpdate:
    """Return an outbound call that was not answered or could not be placed. Inbound calls have no such event."""
    data = event.data
    id_ = require_id("data.conversation_id", data.conversation_id)
    sent = read_unix("event_timestamp", event.event_timestamp)
    if sent is None:
        raise NotUnderstood("event_timestamp must be the seconds since 1970 at which the call failed.")
    metadata = data.metadata or _FailureMetadata()
    form = metadata.body or _CarrierForm()
    record = Conversation(
        channel="telephone",
        direction="outbound",
        status="unanswered" if data.failure_reason in ("busy", "no-answer") else "failed",
        created_at=sent,
        duration_ms=None,
        modality="voice",
        agent_id=read_optional("data.agent_id", data.agent_id),
        # An outbound call comes from the agent's number.
        agent_number=as_phone_number(form.twilio_from or form.sip_from),
    )
    linked_ids = _linked_ids(metadata.type, form.twilio_call_sid)
    return RecordUpdate(Kind.CONVERSATION, id_, record, sent, f"{CALL_NOT_STARTED}:{id_}", linked_ids=linked_ids)


def _linked_ids(carrier: str | None, call_sid: str | None) -> tuple[str, ...]:
    """Return the call's id at Twilio. Other carriers' ids do not belong to any connector."""
    if carrier != "twilio" or not call_sid:
        return ()
    return (f"twilio:{require_id('CallSid', call_sid)}",)


_KEPT: Final = (
    "type",
    "event_timestamp",
    "data/conversation_id",
    "data/agent_id",
    "data/status",
    "data/failure_reason",
    "data/has_audio",
    "data/has_user_audio",
    "data/has_response_audio",
    "data/metadata/type",
    "data/metadata/start_time_unix_secs",
    "data/metadata/call_duration_secs",
    "data/metadata/text_only",
    "data/metadata/conversation_initiation_source",
    "data/metadata/phone_call/type",
    "data/metadata/phone_call/direction",
    "data/metadata/phone_call/call_sid",
    "data/metadata/phone_call/call_result",
    "data/metadata/sms/direction",
    "data/metadata/whatsapp/direction",
    "data/metadata/body/CallSid",
    "data/metadata/body/CallStatus",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="elevenlabs",
    side="agent",
    verify=verify,
    read=read,
    kept=_KEPT,
    make_test_message=make_test_message,
    secret_form=SecretForm(lambda secret: secret.startswith("wsec_"), "the webhook's secret, which begins with wsec_"),
)
