"""Retell AI: calls and chats that are over, and its list of calls (docs/connectors/retell.md)."""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from talkmeter.ingest.connectors.carrier import own_number, unmetered_type
from talkmeter.ingest.connectors.listed_call import Listed
from talkmeter.ingest.connectors.payload import (
    Number,
    duration_between,
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
    MICROSECONDS_PER_MILLISECOND,
    as_bytes,
    read_header,
    require_recent,
    require_secret,
)
from talkmeter.records import Conversation, ConversationStatus, Direction, Kind

TOLERANCE_SEC: Final = 300
_SIGNATURE: Final = re.compile("v=([0-9]{1,16}),d=([0-9a-f]{64})")

# What is told a second time, after its analysis, is the same call or chat; the sequence makes the later word the last.
_CALLS: Final = {"call_ended": 0, "call_analyzed": 1}
_CHATS: Final = {"chat_ended": 0, "chat_analyzed": 1}

_UNANSWERED: Final = frozenset({"dial_busy", "dial_no_answer", "user_declined", "registered_call_timeout"})
_NEVER_CONNECTED: Final = frozenset(
    {
        "dial_failed",
        "invalid_destination",
        "telephony_provider_permission_denied",
        "telephony_provider_unavailable",
        "sip_routing_error",
        "marked_as_spam",
        "network_blocked",
        "concurrency_limit_reached",
        "no_concurrency_fallback",
        "no_valid_payment",
        "error_user_not_joined",
    }
)
_TRANSFERRED: Final = frozenset({"call_transfer", "transfer_bridged"})
_OVER: Final = frozenset({"ended", "error", "not_connected"})
"""The statuses in the list of calls that are over; only there `call_status` is looked at."""


class _Telephony(msgspec.Struct):
    twilio_call_sid: str | None = None


class _Call(msgspec.Struct):
    call_id: str | None = None
    call_type: str | None = None
    direction: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    agent_id: str | None = None
    start_timestamp: Number | None = None
    end_timestamp: Number | None = None
    duration_ms: Number | None = None
    disconnection_reason: str | None = None
    telephony_identifier: _Telephony | None = None


class _ListedCall(_Call):
    call_status: str | None = None


class _Chat(msgspec.Struct):
    chat_id: str | None = None
    agent_id: str | None = None
    chat_status: str | None = None
    start_timestamp: Number | None = None
    end_timestamp: Number | None = None


class _Event(msgspec.Struct):
    event: str


class _OfCall(msgspec.Struct):
    call: _Call


class _OfChat(msgspec.Struct):
    chat: _Chat


def verify(message: Message, secrets: Sequence[str]) -> None:
    """HMAC-SHA256 of the body and the milliseconds of the signature, keyed with the API key."""
    match = _SIGNATURE.fullmatch(read_header(message, "X-Retell-Signature"))
    if match is None:
        raise NotVerified(
            "The header X-Retell-Signature must be v=<milliseconds since 1970>,d=<64 hexadecimal digits>."
        )
    time = int(match[1])
    require_secret(secrets, match[2], lambda secret: _mac(secret, time, message.body))
    require_recent(time * MICROSECONDS_PER_MILLISECOND, message.received_at, TOLERANCE_SEC)


def _mac(secret: bytes, time: int, body: bytes) -> str:
    return hmac.new(secret, body + str(time).encode(), sha256).hexdigest()


def _test(secret: str, url: str, now: int) -> Message:
    body, time = msgspec.json.encode({"event": TEST}), now // MICROSECONDS_PER_MILLISECOND
    return posted(url, body, {"X-Retell-Signature": f"v={time},d={_mac(as_bytes(secret), time, body)}"}, now)


def read(message: Message) -> Reading:
    """A call or chat that is over; any other event is not metered."""
    event = read_json(message.body, _Event).event
    if event in _CALLS:
        return (_call_of(read_json(message.body, _OfCall).call, event, message.received_at),)
    if event in _CHATS:
        return (_chat_of(read_json(message.body, _OfChat).chat, event),)
    return Ignored(unmetered_type(event))


def read_call(body: bytes) -> Listed:
    """A call of the list, as its message would have told of it. NotUnderstood where it cannot be counted.

    It is what stands in a message as `call`, without the transcript (Retell's API reference, "List Calls").
    """
    call = read_json(body, _ListedCall)
    if call.end_timestamp is None and call.call_status not in _OVER:
        start = read_unix("start_timestamp", call.start_timestamp, 1_000)
        return Listed(require_id("call_id", call.call_id), start)
    told = _call_of(call, "call_ended", None)
    return Listed(told.id, None, told)


def _call_of(call: _Call, event: str, received_at: int | None) -> RecordUpdate:
    # Each call has one id here, whichever carrier it came by; a transfer to a person is a part of it.
    id_ = require_id("call.call_id", call.call_id)
    start = read_unix("call.start_timestamp", call.start_timestamp, 1_000)
    end = read_unix("call.end_timestamp", call.end_timestamp, 1_000)
    # A call that never connected may come without either; then it was over just now.
    created_at = next((instant for instant in (start, end, received_at) if instant is not None), None)
    if created_at is None:
        raise NotUnderstood("call.start_timestamp or end_timestamp is needed; neither is there.")
    reason = call.disconnection_reason or ""
    status = _status_of(reason)
    duration_ms = read_duration_ms("call.duration_ms", call.duration_ms)
    if duration_ms is None and start is not None and end is not None:
        duration_ms = duration_between(start, end)
    if status == "unanswered" or reason in _NEVER_CONNECTED:
        duration_ms = None
    telephone, direction = _line_of(call)
    our_number = call.to_number if direction == "inbound" else call.from_number
    record = Conversation(
        channel="telephone" if telephone else "webrtc",
        direction=direction,
        status=status,
        created_at=created_at,
        duration_ms=duration_ms,
        modality="voice",
        agent_id=read_optional("call.agent_id", call.agent_id),
        agent_number=own_number(our_number) if telephone else None,
    )
    carrier = call.telephony_identifier.twilio_call_sid if call.telephony_identifier else None
    elsewhere = (f"twilio:{require_id('twilio_call_sid', carrier)}",) if carrier else ()
    time = created_at if end is None else end
    return RecordUpdate(Kind.CONVERSATION, id_, record, time, f"{event}:{id_}", _CALLS[event], elsewhere)


def _chat_of(chat: _Chat, event: str) -> RecordUpdate:
    id_ = require_id("chat.chat_id", chat.chat_id)
    start = read_unix("chat.start_timestamp", chat.start_timestamp, 1_000)
    end = read_unix("chat.end_timestamp", chat.end_timestamp, 1_000)
    if start is None:
        raise NotUnderstood("chat.start_timestamp must be the milliseconds since 1970 at which the chat began.")
    record = Conversation(
        channel="text",
        # Nothing says who began a chat by text message; all others are begun by the user.
        direction="inbound",
        status="failed" if chat.chat_status == "error" else "completed",
        created_at=start,
        duration_ms=None if end is None else duration_between(start, end),
        modality="chat",
        agent_id=read_optional("chat.agent_id", chat.agent_id),
    )
    return RecordUpdate(Kind.CONVERSATION, id_, record, start if end is None else end, f"{event}:{id_}", _CHATS[event])


def _line_of(call: _Call) -> tuple[bool, Direction]:
    """Whether the call is one by telephone, and its direction; calls on the web have none and are the user's."""
    match call.call_type, call.direction:
        case "web_call", _:
            return False, "inbound"
        case "phone_call", "inbound":
            return True, "inbound"
        case "phone_call", "outbound":
            return True, "outbound"
        case "phone_call", _:
            raise NotUnderstood("call.direction must be inbound or outbound for a phone_call.")
        case _:
            raise NotUnderstood("call.call_type must be phone_call or web_call.")


def _status_of(reason: str) -> ConversationStatus:
    """By the reason of the end: call_status is not to be relied upon, it may say registered of a call that is over."""
    if reason in _UNANSWERED:
        return "unanswered"
    if reason in _TRANSFERRED:
        return "transferred"
    if reason in _NEVER_CONNECTED or reason.startswith("error_"):
        return "failed"
    return "completed"


PROVIDER: Final = Provider("retell", "agent", verify, read, test=_test)
