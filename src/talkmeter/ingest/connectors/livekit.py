"""LiveKit: events of a room and its participants, read as parts of one conversation (docs/connectors/livekit.md).

LiveKit has no event for a call: a caller joins, a caller leaves, an agent joins, the room is closed. `livekit_room`
merges these parts.
"""

import base64
import hmac
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors import livekit_room
from talkmeter.ingest.connectors.carrier import as_phone_number, type_label
from talkmeter.ingest.connectors.livekit_room import WEB, CallLine
from talkmeter.ingest.connectors.payload import (
    Number,
    duration_between,
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
    PartialRecordUpdate,
    Provider,
    ReadResult,
    build_message,
)
from talkmeter.ingest.connectors.verification import as_bytes, read_header, verify_with_secrets
from talkmeter.records import Conversation
from talkmeter_client.vocabulary import ConversationStatus, Direction

LEEWAY_SEC: Final = 60
LIFETIME_SEC: Final = 300

_METERED: Final = frozenset(
    {"participant_joined", "participant_left", "participant_connection_aborted", "room_finished"}
)
_NOT_REACHED: Final[dict[str, ConversationStatus]] = {
    "USER_UNAVAILABLE": "unanswered",
    "USER_REJECTED": "unanswered",
    "SIP_TRUNK_FAILURE": "failed",
    "JOIN_FAILURE": "failed",
}


_DIALING: Final = frozenset({"dialing", "ringing"})

_CALL_STATUSES: Final = _DIALING | {"active", "automation", "hangup"}


class _TokenClaims(msgspec.Struct):
    exp: Number
    nbf: Number = 0
    iat: Number = 0
    sha256: str = ""


class _TokenHeader(msgspec.Struct):
    alg: str


class _LivekitRoom(msgspec.Struct, rename="camel"):
    sid: str | None = None
    creation_time: str | Number | None = None


class _ParticipantAttributes(msgspec.Struct):
    trunk_number: str | None = msgspec.field(default=None, name="sip.trunkPhoneNumber")
    call_status: str | None = msgspec.field(default=None, name="sip.callStatus")
    dispatch_rule: str | None = msgspec.field(default=None, name="sip.ruleID")
    twilio_call: str | None = msgspec.field(default=None, name="sip.twilio.callSid")
    agent_name: str | None = msgspec.field(default=None, name="lk.agent.name")


class _ParticipantPermission(msgspec.Struct):
    hidden: bool = False
    recorder: bool = False
    agent: bool = False


class _LivekitParticipant(msgspec.Struct, rename="camel"):
    # protobuf omits zero values, and STANDARD is zero.
    kind: str = "STANDARD"
    joined_at: str | Number | None = None
    disconnect_reason: str | None = None
    attributes: _ParticipantAttributes | None = None
    permission: _ParticipantPermission | None = None


class _LivekitJob(msgspec.Struct, rename="camel"):
    agent_name: str | None = None


class _EventType(msgspec.Struct):
    event: str


class _LivekitEvent(msgspec.Struct, rename="camel"):
    event: str
    id: str | None = None
    created_at: str | Number | None = None
    room: _LivekitRoom | None = None
    participant: _LivekitParticipant | None = None
    job: _LivekitJob | None = None


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify an HS256 token, signed with the API secret, with the body's SHA-256 as a claim.

    The signature is checked before anything else in the token is read. The issuer is not checked: it is the API key,
    which is public, and the secret already identifies the sender.
    """
    token = read_header(message, "Authorization").removeprefix("Bearer ")
    signed, _, signature = token.rpartition(".")
    header, _, claims = signed.partition(".")
    mac = _decode_segment(signature)
    verify_with_secrets(secrets, mac, lambda secret: _mac(secret, signed))
    try:
        algorithm = msgspec.json.decode(_decode_segment(header), type=_TokenHeader).alg
        token_claims = msgspec.json.decode(_decode_segment(claims), type=_TokenClaims)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotVerified("The token in the header Authorization must have alg, exp and sha256.") from None
    if algorithm != "HS256":
        raise NotVerified("The token in the header Authorization must be signed with HS256.")
    received_at, leeway = message.received_at, LEEWAY_SEC * MICROSECONDS_PER_SECOND
    if token_claims.exp * MICROSECONDS_PER_SECOND <= received_at - leeway:
        raise NotVerified("The token in the header Authorization had expired when it was received.")
    if max(token_claims.nbf, token_claims.iat) * MICROSECONDS_PER_SECOND > received_at + leeway:
        raise NotVerified("The token in the header Authorization was not valid yet when it was received.")
    if not hmac.compare_digest(_hash(message.body), as_bytes(token_claims.sha256)):
        raise NotVerified("The token in the header Authorization was made for another body.")


def _mac(secret: bytes, signed: str) -> bytes:
    return hmac.new(secret, as_bytes(signed), sha256).digest()


def _hash(body: bytes) -> bytes:
    return base64.b64encode(sha256(body).digest())


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE, signed like LiveKit's."""
    body, second = msgspec.json.encode({"event": TEST_TYPE}), now // MICROSECONDS_PER_SECOND
    claims = {"nbf": second, "exp": second + LIFETIME_SEC, "sha256": _hash(body).decode()}
    signed = ".".join(_encode_segment(msgspec.json.encode(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    token = f"{signed}.{_encode_segment(_mac(as_bytes(secret), signed))}"
    return build_message(url, body, {"Authorization": token}, now, "application/webhook+json")


def _encode_segment(part: bytes) -> str:
    """Encode a segment of a token as base64url without padding."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def read(message: Message) -> ReadResult:
    """Return the part of the conversation that an event reports. Events of other participants are not metered."""
    type_ = read_json(message.body, _EventType).event
    if type_ not in _METERED:
        return Ignored(type_label(type_))
    event = read_json(message.body, _LivekitEvent)
    room = event.room or _LivekitRoom()
    # room.sid identifies the call: room names are reused, and a caller who reconnects gets a new participant sid.
    id_ = require_id("room.sid", room.sid)
    time = read_unix("createdAt", event.created_at)
    if time is None:
        raise NotUnderstood("createdAt must be the seconds since 1970 at which the event happened.")
    part = _part(event, room, time)
    if part is None:
        return Ignored(type_label(type_))
    event_id = require_id("id", event.id)
    merge = partial(livekit_room.merge, part)
    return (PartialRecordUpdate(id_, merge, time, event_id, _linked_ids(event), _assumed(event)),)


def _part(event: _LivekitEvent, room: _LivekitRoom, time: int) -> Conversation | None:
    """Return the conversation as this event alone reports it, None if it does not concern a caller or an agent."""
    created_at = read_unix("room.creationTime", room.creation_time) or time
    if event.event == "room_finished":
        return livekit_room.room_closed(created_at)
    participant = event.participant
    if participant is None:
        raise NotUnderstood(f"participant is required in {event.event}.")
    permission = participant.permission or _ParticipantPermission()
    if participant.kind == "AGENT" or permission.agent:
        agent_id = _agent_name(event, participant)
        return None if agent_id is None else livekit_room.agent_joined(created_at, agent_id)
    line = _line(participant)
    if line is None or permission.hidden or permission.recorder:
        return None
    return _caller_part(event.event, participant, line, time)


def _caller_part(event: str, caller: _LivekitParticipant, line: CallLine, time: int) -> Conversation:
    """Return the part that a caller's event reports: the caller joined, left, or was not reached."""
    joined_at = read_unix("participant.joinedAt", caller.joined_at)
    if event == "participant_joined":
        return livekit_room.caller_joined(line, joined_at or time)
    aborted = event == "participant_connection_aborted"
    not_reached = "failed" if aborted else _NOT_REACHED.get(caller.disconnect_reason or "")
    if event == "participant_left" and caller.kind == "SIP" and _call_status(caller) in _DIALING:
        not_reached = "unanswered"
    if not_reached is not None:
        return livekit_room.caller_not_reached(line, joined_at or time, not_reached)
    if joined_at is None:
        raise NotUnderstood("participant.joinedAt must be the seconds since 1970 at which the participant joined.")
    # The end may seem a second before the start, because both are whole seconds. duration_between returns 0 then.
    return livekit_room.caller_left(line, joined_at, duration_between(joined_at, time))


def _line(participant: _LivekitParticipant) -> CallLine | None:
    """Return how a caller is connected, None if the participant is not a caller: a recorder, a stream, a bridge."""
    match participant.kind:
        case "STANDARD":
            return WEB
        case "SIP":
            # Only inbound calls are assigned to a room by a dispatch rule.
            attributes = participant.attributes or _ParticipantAttributes()
            direction: Direction = "inbound" if attributes.dispatch_rule else "outbound"
            return CallLine("telephone", direction, as_phone_number(attributes.trunk_number))
        case "CONNECTOR":
            return CallLine("telephone", "inbound")
        case _:
            return None


def _call_status(participant: _LivekitParticipant) -> str | None:
    return participant.attributes.call_status if participant.attributes else None


def _assumed(event: _LivekitEvent) -> tuple[Assumed, ...]:
    """Return what an event does not say: how a connector's call came, and whether a call by SIP was answered."""
    caller = event.participant
    if caller is None:
        return ()
    if caller.kind == "CONNECTOR":
        return ("channel", "direction")
    is_open = caller.kind == "SIP" and event.event == "participant_left"
    is_known = caller.disconnect_reason in _NOT_REACHED or _call_status(caller) in _CALL_STATUSES
    return ("answered",) if is_open and not is_known else ()


def _agent_name(event: _LivekitEvent, participant: _LivekitParticipant) -> str | None:
    """Return the name under which the agent was dispatched. Its identity differs from room to room."""
    attributes = participant.attributes or _ParticipantAttributes()
    job = event.job or _LivekitJob()
    return read_optional("The agent's name", job.agent_name or attributes.agent_name)


def _linked_ids(event: _LivekitEvent) -> tuple[str, ...]:
    """Return the call's id at Twilio, if it came through Twilio."""
    attributes = event.participant.attributes if event.participant else None
    if attributes is None or not attributes.twilio_call:
        return ()
    return (f"twilio:{require_id('sip.twilio.callSid', attributes.twilio_call)}",)


def _decode_segment(segment: str) -> bytes:
    """Decode a segment of a token: base64url without padding."""
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise NotVerified("The header Authorization must be a token: three parts of base64url.") from None


_KEPT: Final = (
    "event",
    "id",
    "createdAt",
    "room/sid",
    "room/creationTime",
    "participant/sid",
    "participant/kind",
    "participant/state",
    "participant/joinedAt",
    "participant/disconnectReason",
    "participant/attributes/sip.callID",
    "participant/attributes/sip.callStatus",
    "participant/attributes/sip.ruleID",
    "participant/attributes/sip.twilio.callSid",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="livekit",
    side="agent",
    verify=verify,
    read=read,
    kept=_KEPT,
    make_test_message=make_test_message,
)
