"""LiveKit: samples, and tokens as its server signs them, verified by LiveKit's own code."""

import hashlib
import json
from base64 import b64encode
from typing import Any, Final

import jwt
from hypothesis import strategies as st
from livekit.api import TokenVerifier, WebhookReceiver

from talkmeter.ingest.connectors.livekit import PROVIDER
from talkmeter.ingest.connectors.provider import Message
from tests.connectors.arbitrary import messages_of
from tests.connectors.messages import NOW, SECOND, json_sample, message, vectors, with_header
from tests.connectors.provider_case import Key, ProviderCase

API_KEY: Final = "myapikey"
SECRET: Final = "thiskeyistotallyunsafe_0123456789abcdef"
TOKEN: Final = "authorization"
VECTORS: Final = vectors("livekit")
LONG_LIVED: Final[dict[str, Any]] = {"nbf": 0, "exp": 4_102_444_800}
"""Claims of a token that LiveKit's code, which uses the real clock, accepts until 2100."""

ROOM: Final[dict[str, Any]] = {"sid": "RM_1", "name": "call", "creationTime": "1694522600"}
T: Final = 1_694_522_628
"""When the caller joins, in seconds."""
WEB: Final[dict[str, Any]] = {"sid": "PA_1", "identity": "ann", "state": "ACTIVE", "joinedAt": str(T)}
PHONE: Final[dict[str, Any]] = {
    "sid": "PA_2",
    "identity": "sip_+15005550006",
    "kind": "SIP",
    "joinedAt": str(T),
    "attributes": {
        "sip.callID": "SCL_1",
        "sip.phoneNumber": "+15005550006",
        "sip.trunkPhoneNumber": "+15005550001",
        "sip.ruleID": "SDR_1",
        "sip.twilio.callSid": "CA1",
    },
}
AGENT: Final[dict[str, Any]] = {
    "sid": "PA_3",
    "identity": "agent-AJ_1",
    "kind": "AGENT",
    "joinedAt": str(T),
    "attributes": {"lk.agent.name": "reception"},
}


def event(name: str, at: int = T, participant: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    body = {"event": name, "room": ROOM, "id": f"EV_{name}_{at}", "createdAt": str(at)}
    return body | ({} if participant is None else {"participant": participant | changes})


def joined(participant: dict[str, Any], at: int = T) -> dict[str, Any]:
    return event("participant_joined", at, participant, joinedAt=str(at))


def left(participant: dict[str, Any], at: int, joined_at: int = T, reason: str = "CLIENT_INITIATED") -> dict[str, Any]:
    return event("participant_left", at, participant, joinedAt=str(joined_at), disconnectReason=reason)


def finished(at: int) -> dict[str, Any]:
    return event("room_finished", at)


def signed(body: bytes, secret: str = SECRET, **claims: Any) -> Message:
    """Return a message whose token is valid for five minutes from now."""
    now = NOW // SECOND
    hash_ = b64encode(hashlib.sha256(body).digest()).decode()
    known = {"iss": API_KEY, "nbf": now, "exp": now + 300, "sha256": hash_}
    return message(body, {TOKEN: jwt.encode(known | claims, secret, "HS256")})


def sign(received: Message, secret: str) -> Message:
    return with_header(received, TOKEN, signed(received.body, secret, **LONG_LIVED).headers[TOKEN])


def official(received: Message, secret: str = SECRET) -> bool:
    """Return whether LiveKit's own code verifies the message now. It raises errors of any type, even Exception."""
    try:
        WebhookReceiver(TokenVerifier(API_KEY, secret)).receive(received.body.decode(), received.headers[TOKEN])
    except Exception:  # noqa: BLE001  there is no narrower type
        return False
    return True


_BIT_MESSAGE: Final = next(vector for vector in VECTORS if "finished" in vector.sample).message()
_URL_BITS: Final = 8 * len(_BIT_MESSAGE.url)
_ASCII: Final = st.text(st.characters(codec="ascii"), min_size=32, max_size=40)
_UNMETERED: Final = ("room_started", "track_published", "egress_ended", "ingress_started")
_NOT_CALLERS: Final = (
    {"kind": "EGRESS"},
    {"kind": "INGRESS"},
    {"kind": "BRIDGE"},
    {"kind": "OF_NEXT_YEAR"},
    {"permission": {"hidden": True}},
    {"permission": {"recorder": True}},
    {"kind": "AGENT"},
)

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side="agent",
    status=200,
    vectors=VECTORS,
    headers=("Authorization",),
    keys=_ASCII.map(lambda secret: Key(secret, secret)),
    unsigned=st.text(st.characters(codec="utf-8"), max_size=50).map(
        lambda text: message(json.dumps({"event": text}).encode())
    ),
    sign=sign,
    official=official,
    bit_message=_BIT_MESSAGE,
    # The URL is not signed, and the last character of the signature has two unused bits.
    harmless_bits=range(_URL_BITS, _URL_BITS + 3),
    arbitrary=messages_of(joined(PHONE), left(PHONE, T + 9), joined(AGENT), finished(T + 10)),
    ignored=(
        (message(json_sample("livekit_room_started.json")), "room_started"),
        *((message({"event": name, "participant": 1}), name) for name in _UNMETERED),
        *((message(joined(WEB | participant)), "participant_joined") for participant in _NOT_CALLERS),
    ),
    refused=(
        (message(joined(WEB) | {"room": {}}), "room.sid must be 1 to 200 bytes"),
        (message(joined(WEB) | {"id": ""}), "id must be 1 to 200 bytes"),
        (message(joined(WEB) | {"createdAt": "0"}), "createdAt must be the seconds since 1970"),
        (message(joined(WEB) | {"createdAt": "noon"}), "createdAt must be a whole number"),
        (message(event("participant_left", T)), "participant is required in participant_left"),
        (
            message(event("participant_left", T, WEB, joinedAt="0")),
            "participant.joinedAt must be the seconds since 1970",
        ),
        (message({}), "The body is not as documented: Object missing required field `event`"),
    ),
    call=tuple(message(body).body for body in (joined(AGENT), joined(PHONE), left(PHONE, T + 90), finished(T + 111))),
)
