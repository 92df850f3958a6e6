"""ElevenLabs Agents: conversations that are over, and calls that could not be begun (docs/connectors/elevenlabs.md)."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.carrier import own_number, unmetered_type
from talkmeter.ingest.connectors.payload import (
    Number,
    read_duration_ms,
    read_json,
    read_optional,
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
    as_bytes,
    read_header,
    require_recent,
    require_secret,
    timed_mac,
)
from talkmeter.records import Channel, Conversation, Direction, Kind, Modality

OVER: Final = "post_call_transcription"
NOT_BEGUN: Final = "call_initiation_failure"
TOLERANCE_SEC: Final = 1_800
_SECONDS: Final = re.compile("[0-9]{1,12}")


class _Line(msgspec.Struct):
    type: str | None = None
    direction: str | None = None
    agent_number: str | None = None
    agent_phone_number: str | None = None
    call_sid: str | None = None


class _Metadata(msgspec.Struct):
    start_time_unix_secs: Number | None = None
    call_duration_secs: Number | None = None
    text_only: bool | None = None
    phone_call: _Line | None = None
    sms: _Line | None = None


class _Conversation(msgspec.Struct):
    metadata: _Metadata
    conversation_id: str | None = None
    agent_id: str | None = None
    status: str | None = None


class _CarrierForm(msgspec.Struct):
    twilio_call_sid: str | None = msgspec.field(default=None, name="CallSid")
    twilio_from: str | None = msgspec.field(default=None, name="From")
    sip_from: str | None = msgspec.field(default=None, name="from_number")


class _FailureMetadata(msgspec.Struct):
    type: str | None = None
    body: _CarrierForm | None = None


class _Failure(msgspec.Struct):
    conversation_id: str | None = None
    agent_id: str | None = None
    failure_reason: str | None = None
    metadata: _FailureMetadata | None = None


class _Event(msgspec.Struct):
    type: str


class _OfConversation(msgspec.Struct):
    data: _Conversation
    event_timestamp: Number | None = None


class _OfFailure(msgspec.Struct):
    data: _Failure
    event_timestamp: Number | None = None


class _Medium(NamedTuple):
    channel: Channel
    direction: Direction
    modality: Modality
    number: str | None = None


def verify(message: Message, secrets: Sequence[str]) -> None:
    """HMAC-SHA256 of the time and the body; as ElevenLabs' own check does, the last of several parts is taken."""
    pairs = (piece.partition("=") for piece in read_header(message, "ElevenLabs-Signature").split(","))
    pieces = {name: value for name, _, value in pairs}
    time, signature = pieces.get("t", ""), pieces.get("v0", "")
    if not _SECONDS.fullmatch(time) or not signature:
        raise NotVerified("The header ElevenLabs-Signature must be t=<seconds since 1970>,v0=<hexadecimal digits>.")
    require_secret(secrets, signature, lambda secret: timed_mac(secret, time, message.body))
    require_recent(int(time) * MICROSECONDS_PER_SECOND, message.received_at, TOLERANCE_SEC)


def _test(secret: str, url: str, now: int) -> Message:
    body, time = msgspec.json.encode({"type": TEST}), str(now // MICROSECONDS_PER_SECOND)
    return posted(url, body, {"ElevenLabs-Signature": f"t={time},v0={timed_mac(as_bytes(secret), time, body)}"}, now)


def read(message: Message) -> Reading:
    """A conversation that is over or never began; audio and all other events are not metered."""
    match read_json(message.body, _Event).type:
        case "post_call_transcription":
            return (_over(read_json(message.body, _OfConversation)),)
        case "call_initiation_failure":
            return (_not_begun(read_json(message.body, _OfFailure)),)
        case type_:
            return Ignored(unmetered_type(type_))


def _over(event: _OfConversation) -> RecordUpdate:
    data, metadata = event.data, event.data.metadata
    # One id for the conversation, on every channel.
    id_ = require_id("data.conversation_id", data.conversation_id)
    start = read_unix("data.metadata.start_time_unix_secs", metadata.start_time_unix_secs)
    if start is None:
        raise NotUnderstood("data.metadata.start_time_unix_secs must be the seconds since 1970 at which it began.")
    duration_ms = read_duration_ms("data.metadata.call_duration_secs", metadata.call_duration_secs, 1_000)
    failed = data.status == "failed"
    medium = _medium_of(metadata)
    record = Conversation(
        channel=medium.channel,
        direction=medium.direction,
        status="failed" if failed else "completed",
        created_at=start,
        # Nobody was there for none of its seconds, if it failed.
        duration_ms=None if failed and duration_ms == 0 else duration_ms,
        modality=medium.modality,
        agent_id=read_optional("data.agent_id", data.agent_id),
        agent_number=own_number(medium.number),
    )
    end = start + (duration_ms or 0) * 1_000
    sent = read_unix("event_timestamp", event.event_timestamp)
    line = metadata.phone_call
    elsewhere = _elsewhere(line.type, line.call_sid) if line else ()
    return RecordUpdate(
        Kind.CONVERSATION, id_, record, end if sent is None else sent, f"{OVER}:{id_}", elsewhere=elsewhere
    )


def _not_begun(event: _OfFailure) -> RecordUpdate:
    """A call of an agent that nobody took, or that could not be placed; only outbound calls are told of so."""
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
        # An outbound call comes from our number.
        agent_number=own_number(form.twilio_from or form.sip_from),
    )
    elsewhere = _elsewhere(metadata.type, form.twilio_call_sid)
    return RecordUpdate(Kind.CONVERSATION, id_, record, sent, f"{NOT_BEGUN}:{id_}", elsewhere=elsewhere)


def _medium_of(metadata: _Metadata) -> _Medium:
    if (line := metadata.phone_call) is not None:
        return _Medium("telephone", _direction_of("phone_call", line), "voice", line.agent_number)
    if (line := metadata.sms) is not None:
        return _Medium("text", _direction_of("sms", line), "chat", line.agent_phone_number)
    if metadata.text_only:
        return _Medium("text", "inbound", "chat")
    return _Medium("webrtc", "inbound", "voice")


def _direction_of(field: str, line: _Line) -> Direction:
    match line.direction:
        case "inbound":
            return "inbound"
        case "outbound":
            return "outbound"
        case _:
            raise NotUnderstood(f"data.metadata.{field}.direction must be inbound or outbound.")


def _elsewhere(carrier: str | None, call_sid: str | None) -> tuple[str, ...]:
    """The same call at Twilio; the ids of other lines are of no carrier that we hear of."""
    if carrier != "twilio" or not call_sid:
        return ()
    return (f"twilio:{require_id('CallSid', call_sid)}",)


PROVIDER: Final = Provider("elevenlabs", "agent", verify, read, status=200, test=_test)
