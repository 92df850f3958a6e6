"""LiveKit: what its server tells of a room and of who is in it, read as parts of one conversation.

No event of LiveKit's is a call: a caller came, a caller went, an agent came, the room was closed. How the parts come
together: `livekit_room`; for operators: docs/connectors/livekit.md.
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
from talkmeter.ingest.connectors.carrier import own_number, unmetered_type
from talkmeter.ingest.connectors.livekit_room import WEB, Line
from talkmeter.ingest.connectors.payload import (
    Number,
    duration_between,
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
    PartialRecordUpdate,
    Provider,
    Reading,
    posted,
)
from talkmeter.ingest.connectors.verification import as_bytes, read_header, require_secret
from talkmeter.records import Conversation, ConversationStatus

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


class _Claims(msgspec.Struct):
    exp: Number
    nbf: Number = 0
    iat: Number = 0
    sha256: str = ""


class _Algorithm(msgspec.Struct):
    alg: str


class _Room(msgspec.Struct, rename="camel"):
    sid: str | None = None
    creation_time: str | Number | None = None


class _Attributes(msgspec.Struct):
    our_number: str | None = msgspec.field(default=None, name="sip.trunkPhoneNumber")
    dispatch_rule: str | None = msgspec.field(default=None, name="sip.ruleID")
    twilio_call: str | None = msgspec.field(default=None, name="sip.twilio.callSid")
    agent_name: str | None = msgspec.field(default=None, name="lk.agent.name")


class _Permission(msgspec.Struct):
    hidden: bool = False
    recorder: bool = False
    agent: bool = False


class _Participant(msgspec.Struct, rename="camel"):
    # What is zero is not written by protobuf, and STANDARD is.
    kind: str = "STANDARD"
    joined_at: str | Number | None = None
    disconnect_reason: str | None = None
    attributes: _Attributes | None = None
    permission: _Permission | None = None


class _Job(msgspec.Struct, rename="camel"):
    agent_name: str | None = None


class _Typed(msgspec.Struct):
    event: str


class _Event(msgspec.Struct, rename="camel"):
    event: str
    id: str | None = None
    created_at: str | Number | None = None
    room: _Room | None = None
    participant: _Participant | None = None
    job: _Job | None = None


def verify(message: Message, secrets: Sequence[str]) -> None:
    """A token signed with the API secret by HS256, whose claim is the SHA-256 of the body.

    The issuer is the API key, which is no secret: whoever has the secret is who we were told of. Nothing of the token
    is looked at before its signature.
    """
    token = read_header(message, "Authorization").removeprefix("Bearer ")
    signed, _, signature = token.rpartition(".")
    header, _, claims = signed.partition(".")
    mac = _decoded(signature)
    require_secret(secrets, mac, lambda secret: _mac(secret, signed))
    try:
        algorithm = msgspec.json.decode(_decoded(header), type=_Algorithm).alg
        told = msgspec.json.decode(_decoded(claims), type=_Claims)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotVerified("The token in the header Authorization must have alg, exp and sha256.") from None
    if algorithm != "HS256":
        raise NotVerified("The token in the header Authorization must be signed by HS256.")
    received_at, leeway = message.received_at, LEEWAY_SEC * MICROSECONDS_PER_SECOND
    if told.exp * MICROSECONDS_PER_SECOND <= received_at - leeway:
        raise NotVerified("The token in the header Authorization had expired when it was received.")
    if max(told.nbf, told.iat) * MICROSECONDS_PER_SECOND > received_at + leeway:
        raise NotVerified("The token in the header Authorization is of a time after it was received.")
    if not hmac.compare_digest(_hash(message.body), as_bytes(told.sha256)):
        raise NotVerified("The token in the header Authorization is of another body.")


def _mac(secret: bytes, signed: str) -> bytes:
    return hmac.new(secret, as_bytes(signed), sha256).digest()


def _hash(body: bytes) -> bytes:
    return base64.b64encode(sha256(body).digest())


def _test(secret: str, url: str, now: int) -> Message:
    body, second = msgspec.json.encode({"event": TEST}), now // MICROSECONDS_PER_SECOND
    claims = {"nbf": second, "exp": second + LIFETIME_SEC, "sha256": _hash(body).decode()}
    signed = ".".join(_encoded(msgspec.json.encode(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    token = f"{signed}.{_encoded(_mac(as_bytes(secret), signed))}"
    return posted(url, body, {"Authorization": token}, now, "application/webhook+json")


def _encoded(part: bytes) -> str:
    """A part of a token, as `_decoded` reads it."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def read(message: Message) -> Reading:
    """The part of a room's conversation that an event tells; of rooms without callers and agents nothing is metered."""
    type_ = read_json(message.body, _Typed).event
    if type_ not in _METERED:
        return Ignored(unmetered_type(type_))
    event = read_json(message.body, _Event)
    room = event.room or _Room()
    # The session of the room is the call: names of rooms are used again, and a caller who reconnects has a new sid.
    id_ = require_id("room.sid", room.sid)
    time = read_unix("createdAt", event.created_at)
    if time is None:
        raise NotUnderstood("createdAt must be the seconds since 1970 at which the event happened.")
    part = _part_of(event, room, time)
    if part is None:
        return Ignored(unmetered_type(type_))
    event_id = require_id("id", event.id)
    return (PartialRecordUpdate(id_, partial(livekit_room.joined, part), time, event_id, _elsewhere(event)),)


def _part_of(event: _Event, room: _Room, time: int) -> Conversation | None:
    """What an event alone makes of a conversation; None where it says nothing of callers or agents."""
    created_at = read_unix("room.creationTime", room.creation_time) or time
    if event.event == "room_finished":
        return livekit_room.closed(created_at)
    participant = event.participant
    if participant is None:
        raise NotUnderstood(f"participant must be there in {event.event}.")
    permission = participant.permission or _Permission()
    if participant.kind == "AGENT" or permission.agent:
        agent_id = _agent_of(event, participant)
        return None if agent_id is None else livekit_room.prepared(created_at, agent_id)
    line = _line_of(participant)
    if line is None or permission.hidden or permission.recorder:
        return None
    return _part_of_caller(event.event, participant, line, time)


def _part_of_caller(event: str, caller: _Participant, line: Line, time: int) -> Conversation:
    """That a caller came, went or was not reached."""
    came_at = read_unix("participant.joinedAt", caller.joined_at)
    if event == "participant_joined":
        return livekit_room.came(line, came_at or time)
    aborted = event == "participant_connection_aborted"
    not_reached = "failed" if aborted else _NOT_REACHED.get(caller.disconnect_reason or "")
    if not_reached is not None:
        return livekit_room.never_came(line, came_at or time, not_reached)
    if came_at is None:
        raise NotUnderstood("participant.joinedAt must be the seconds since 1970 at which the participant came.")
    # The room may hear of the end a second before the start: both are whole seconds.
    return livekit_room.went(line, came_at, duration_between(came_at, time))


def _line_of(participant: _Participant) -> Line | None:
    """How a caller comes; None for what is no caller: recorders, streams, bridges and what may be yet to come."""
    match participant.kind:
        case "STANDARD":
            return WEB
        case "SIP":
            # A rule dispatches calls that come in; a call that an agent makes is in need of none.
            told = participant.attributes or _Attributes()
            return Line("telephone", "inbound" if told.dispatch_rule else "outbound", own_number(told.our_number))
        case "CONNECTOR":
            return Line("telephone", "inbound")
        case _:
            return None


def _agent_of(event: _Event, participant: _Participant) -> str | None:
    """The name the agent was dispatched by; its identity is another one in every room."""
    told = participant.attributes or _Attributes()
    job = event.job or _Job()
    return read_optional("The agent's name", job.agent_name or told.agent_name)


def _elsewhere(event: _Event) -> tuple[str, ...]:
    """The same call at Twilio, where it came from there."""
    told = event.participant.attributes if event.participant else None
    return (f"twilio:{require_id('sip.twilio.callSid', told.twilio_call)}",) if told and told.twilio_call else ()


def _decoded(segment: str) -> bytes:
    """A part of a token; it is written without the padding of base64."""
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise NotVerified("The header Authorization must be a token: three parts of base64url.") from None


PROVIDER: Final = Provider("livekit", "agent", verify, read, test=_test)
