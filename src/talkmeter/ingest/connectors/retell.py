"""Retell AI: ended calls and chats, and its list of calls (docs/connectors/retell.md)."""

import hmac
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from talkmeter.ingest.connectors.carrier import as_phone_number, type_label
from talkmeter.ingest.connectors.listed_call import ListedCall
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
    verify_with_secrets,
)
from talkmeter.records import Conversation, Kind
from talkmeter_client.vocabulary import ConversationStatus, Direction

TOLERANCE_SEC: Final = 300
_SIGNATURE: Final = re.compile("v=([0-9]{1,16}),d=([0-9a-f]{64})")

# A call or chat is sent again after its analysis. The sequence makes that second message win.
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
_ENDED: Final = frozenset(
    {
        "user_hangup",
        "agent_hangup",
        "user_requested_dnc",
        "user_requested_callback",
        "voicemail_reached",
        "ivr_reached",
        "inactivity",
        "max_duration_reached",
        "credit_exhausted",
        "budget_reached",
        "scam_detected",
        "transfer_cancelled",
        "manual_stopped",
        "call_take_over",
    }
)
"""The other documented reasons: the call was connected."""
_DIRECTIONS: Final[dict[str, Direction]] = {"inbound": "inbound", "outbound": "outbound"}
_OVER: Final = frozenset({"ended", "error", "not_connected"})
"""The statuses of listed calls that have ended. Webhooks' `call_status` is not used."""


class _Telephony(msgspec.Struct):
    twilio_call_sid: str | None = None


class _RetellCall(msgspec.Struct):
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


class _RetellListedCall(_RetellCall):
    call_status: str | None = None


class _RetellChat(msgspec.Struct):
    chat_id: str | None = None
    agent_id: str | None = None
    chat_status: str | None = None
    chat_type: str | None = None
    start_timestamp: Number | None = None
    end_timestamp: Number | None = None


class _RetellEvent(msgspec.Struct):
    event: str


class _CallEvent(msgspec.Struct):
    call: _RetellCall


class _ChatEvent(msgspec.Struct):
    chat: _RetellChat


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify an HMAC-SHA256 of the body and the signature's milliseconds. The key is the API key."""
    match = _SIGNATURE.fullmatch(read_header(message, "X-Retell-Signature"))
    if match is None:
        raise NotVerified(
            "The header X-Retell-Signature must be v=<milliseconds since 1970>,d=<64 hexadecimal digits>."
        )
    time = int(match[1])
    verify_with_secrets(secrets, match[2], lambda secret: _mac(secret, time, message.body))
    require_recent(time * MICROSECONDS_PER_MILLISECOND, message.received_at, TOLERANCE_SEC)


def _mac(secret: bytes, time: int, body: bytes) -> str:
    return hmac.new(secret, body + str(time).encode(), sha256).hexdigest()


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE, signed like Retell's."""
    body, time = msgspec.json.encode({"event": TEST_TYPE}), now // MICROSECONDS_PER_MILLISECOND
    return build_message(url, body, {"X-Retell-Signature": f"v={time},d={_mac(as_bytes(secret), time, body)}"}, now)


def read(message: Message) -> ReadResult:
    """Return an ended call or chat; any other event is not metered."""
    event = read_json(message.body, _RetellEvent).event
    if event in _CALLS:
        return (_call_update(read_json(message.body, _CallEvent).call, event),)
    if event in _CHATS:
        return (_chat_update(read_json(message.body, _ChatEvent).chat, event),)
    return Ignored(type_label(event))


def read_call(body: bytes) -> ListedCall:
    """Return a listed call with the update that its message reports.

    A listed call has the format of a message's `call`, without the transcript (Retell's API reference, "List Calls").
    Raises NotUnderstood if it cannot be counted.
    """
    call = read_json(body, _RetellListedCall)
    if call.end_timestamp is None and call.call_status not in _OVER:
        start = read_unix("start_timestamp", call.start_timestamp, 1_000)
        return ListedCall(require_id("call_id", call.call_id), start)
    update = _call_update(call, "call_ended")
    return ListedCall(update.id, None, update)


def _call_update(call: _RetellCall, event: str) -> RecordUpdate:
    # A call has one id, whichever carrier it uses. A transfer to a person is part of the same call.
    id_ = require_id("call.call_id", call.call_id)
    start = read_unix("call.start_timestamp", call.start_timestamp, 1_000)
    end = read_unix("call.end_timestamp", call.end_timestamp, 1_000)
    # The arrival of the message must not take their place: a message that is sent again would move the call.
    created_at = end if start is None else start
    if created_at is None:
        raise NotUnderstood("call.start_timestamp or call.end_timestamp is required; both are missing.")
    reason = call.disconnection_reason or ""
    duration_ms = read_duration_ms("call.duration_ms", call.duration_ms)
    if duration_ms is None and start is not None and end is not None:
        duration_ms = duration_between(start, end)
    status = _status(reason, lasted=bool(duration_ms))
    if status == "unanswered" or reason in _NEVER_CONNECTED:
        duration_ms = None
    telephone, direction, assumed = _medium(call)
    agent_number = call.to_number if direction == "inbound" else call.from_number
    if reason not in _ENDED and not _is_other_reason(reason):
        assumed = (*assumed, "answered")
    record = Conversation(
        channel="telephone" if telephone else "webrtc",
        direction=direction,
        status=status,
        created_at=created_at,
        duration_ms=duration_ms,
        modality="voice",
        agent_id=read_optional("call.agent_id", call.agent_id),
        agent_number=as_phone_number(agent_number) if telephone and "direction" not in assumed else None,
    )
    twilio_sid = call.telephony_identifier.twilio_call_sid if call.telephony_identifier else None
    linked_ids = (f"twilio:{require_id('twilio_call_sid', twilio_sid)}",) if twilio_sid else ()
    time = created_at if end is None else end
    return RecordUpdate(Kind.CONVERSATION, id_, record, time, f"{event}:{id_}", _CALLS[event], linked_ids, assumed)


def _chat_update(chat: _RetellChat, event: str) -> RecordUpdate:
    id_ = require_id("chat.chat_id", chat.chat_id)
    start = read_unix("chat.start_timestamp", chat.start_timestamp, 1_000)
    end = read_unix("chat.end_timestamp", chat.end_timestamp, 1_000)
    if start is None:
        raise NotUnderstood("chat.start_timestamp must be the milliseconds since 1970 at which the chat began.")
    record = Conversation(
        channel="text",
        # For chats by text message, Retell does not say who started them. All other chats are started by the user.
        direction="inbound",
        status="failed" if chat.chat_status == "error" else "completed",
        created_at=start,
        duration_ms=None if end is None else duration_between(start, end),
        modality="chat",
        agent_id=read_optional("chat.agent_id", chat.agent_id),
    )
    return RecordUpdate(
        Kind.CONVERSATION,
        id_,
        record,
        start if end is None else end,
        f"{event}:{id_}",
        _CHATS[event],
        assumed=() if chat.chat_type == "api_chat" else ("direction",),
    )


def _medium(call: _RetellCall) -> tuple[bool, Direction, tuple[Assumed, ...]]:
    """Return whether this is a phone call, its direction, and which of the two are unknown.

    Web calls have no direction; they are inbound.
    """
    if call.call_type == "web_call":
        return False, "inbound", ()
    telephone = call.call_type == "phone_call" or bool(call.from_number or call.to_number or call.direction)
    assumed: tuple[Assumed, ...] = () if call.call_type == "phone_call" else ("channel",)
    direction = _DIRECTIONS.get(call.direction or "")
    if direction is None:
        return telephone, "inbound", (*assumed, "direction")
    return telephone, direction, assumed


def _is_other_reason(reason: str) -> bool:
    return reason in _UNANSWERED | _TRANSFERRED | _NEVER_CONNECTED or reason.startswith("error_")


def _status(reason: str, *, lasted: bool) -> ConversationStatus:
    """Return the status by the disconnection reason: call_status may be "registered" for an ended call.

    With a reason that is missing or new, the call is completed only if it lasted some time.
    """
    if reason in _UNANSWERED:
        return "unanswered"
    if reason in _TRANSFERRED:
        return "transferred"
    if reason in _NEVER_CONNECTED or reason.startswith("error_"):
        return "failed"
    return "completed" if lasted or reason in _ENDED else "failed"


_KEPT: Final = (
    "event",
    "call/call_id",
    "call/call_type",
    "call/call_status",
    "call/direction",
    "call/agent_id",
    "call/start_timestamp",
    "call/end_timestamp",
    "call/duration_ms",
    "call/disconnection_reason",
    "call/telephony_identifier/twilio_call_sid",
    "chat/chat_id",
    "chat/chat_type",
    "chat/chat_status",
    "chat/agent_id",
    "chat/start_timestamp",
    "chat/end_timestamp",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="retell",
    side="agent",
    verify=verify,
    read=read,
    kept=_KEPT,
    make_test_message=make_test_message,
)
