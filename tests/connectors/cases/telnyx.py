"""Telnyx: samples, and signatures by Telnyx's own code."""

import base64
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch

import msgspec
from hypothesis import strategies as st
from nacl.signing import SigningKey
from telnyx.lib import webhook_verification
from telnyx.lib.webhook_verification import WebhookVerificationError, verify_webhook_signature

from talkmeter.ingest.connectors.provider import Message
from talkmeter.ingest.connectors.telnyx import PROVIDER
from tests.connectors.arbitrary import messages_like
from tests.connectors.messages import CALLER, SECOND, vectors
from tests.connectors.provider_case import Key, ProviderCase

SIGNATURE: Final = "telnyx-signature-ed25519"
TIMESTAMP: Final = "telnyx-timestamp"
VECTORS: Final = vectors("telnyx")
HANGUP, CONVERSED = (vector.message() for vector in VECTORS)
PUBLIC_KEY: Final = VECTORS[0].public_key
SEED: Final = bytes(range(32)).hex()
"""Of the private key of the samples."""
LEG: Final = "428c31b6-7af4-4bcb-b7f5-5013ef9657c1"
OUR_NUMBER: Final = "+15005550001"
THEIR_NUMBER: Final = f"+1500{CALLER}"


def public_key(seed: str) -> str:
    return base64.b64encode(bytes(SigningKey(bytes.fromhex(seed)).verify_key)).decode()


def sign(message: Message, seed: str = SEED) -> Message:
    stamp = str(message.received_at // SECOND)
    signature = SigningKey(bytes.fromhex(seed)).sign(stamp.encode() + b"|" + message.body).signature
    return message._replace(headers={TIMESTAMP: stamp, SIGNATURE: base64.b64encode(signature).decode()})


def official(message: Message, key: str) -> bool:
    """Return whether Telnyx's own code verifies the message at the time at which it is received."""
    clock = SimpleNamespace(time=lambda: message.received_at / SECOND)
    try:
        with patch.object(webhook_verification, "time", clock):
            verify_webhook_signature(message.body, message.headers, key)
    except (WebhookVerificationError, UnicodeDecodeError):
        return False
    return True


def event(type_: str, at: str, **payload: object) -> Message:
    """Return an event of one call, on 1 November 2026, whose leg and session have the same id."""
    data = {
        "id": f"event-{type_}",
        "event_type": type_,
        "occurred_at": f"2026-11-01T{at}Z",
        "payload": {"call_leg_id": LEG, "call_session_id": LEG, "from": THEIR_NUMBER, "to": OUR_NUMBER, **payload},
    }
    return HANGUP._replace(body=msgspec.json.encode({"data": data}))


def changed(message: Message, place: str, value: object) -> Message:
    """Return the message with one field of `data` or of `data.payload` replaced."""
    body = msgspec.json.decode(message.body)
    data = body["data"]
    target = data["payload"] if place.startswith("payload.") else data
    target[place.removeprefix("payload.")] = value
    return message._replace(body=msgspec.json.encode(body))


INITIATED: Final = event("call.initiated", "12:00:00", direction="incoming", start_time="2026-11-01T12:00:00Z")
ANSWERED: Final = event("call.answered", "12:00:04.250", start_time="2026-11-01T12:00:00Z")
ENDED: Final = event("call.conversation.ended", "12:01:00", duration_sec=55, assistant_id="assistant-1")
HUNG_UP: Final = event("call.hangup", "12:01:00.750", start_time="2026-11-01T12:00:00Z", hangup_cause="normal_clearing")

_BIT_MESSAGE: Final = sign(HANGUP._replace(body=HANGUP.body[:200]))
_URL_BITS: Final = 8 * len(_BIT_MESSAGE.url)
_UNMETERED: Final = ("call.cost", "call.bridged", "call.conversation.created", "call.analyzed", "message.received")

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side="carrier",
    status=200,
    vectors=VECTORS,
    headers=("Telnyx-Signature-Ed25519", "Telnyx-Timestamp"),
    keys=st.binary(min_size=32, max_size=32).map(lambda seed: Key(seed.hex(), public_key(seed.hex()))),
    unsigned=st.text().map(lambda text: HANGUP._replace(body=text.encode())),
    sign=sign,
    official=official,
    bit_message=_BIT_MESSAGE,
    # The URL is not signed, and the last character of the signature has four unused bits.
    harmless_bits=range(_URL_BITS, _URL_BITS + 5),
    arbitrary=messages_like(HANGUP, (SIGNATURE, TIMESTAMP)),
    ignored=(
        *((changed(HUNG_UP, "event_type", type_), type_) for type_ in _UNMETERED),
        (changed(HUNG_UP, "event_type", THEIR_NUMBER), "other"),
    ),
    refused=(
        (changed(HUNG_UP, "payload.start_time", None), "data.payload.start_time is required"),
        (changed(HUNG_UP, "payload.start_time", THEIR_NUMBER), "data.payload.start_time must be an RFC 3339"),
        (changed(HUNG_UP, "payload.start_time", "2020-01-01T00:00:00Z"), "The end must be within 31622400 seconds"),
        (changed(HUNG_UP, "occurred_at", "1869-01-01T00:00:00Z"), "data.occurred_at must be between"),
        (changed(HUNG_UP, "id", ""), "data.id must be 1 to 200 bytes"),
        (changed(HUNG_UP, "payload.call_leg_id", None), "data.payload.call_leg_id must be 1 to 200 bytes"),
        (changed(HUNG_UP, "payload.from", 15005550006), "The body is not as documented: Expected `str | null`"),
        (changed(ENDED, "payload.duration_sec", None), "data.payload.duration_sec is required"),
        (changed(ENDED, "payload.duration_sec", -1), "data.payload.duration_sec must be between 0 and"),
        (
            changed(ENDED, "occurred_at", "1970-01-01T00:00:00Z"),
            "data.occurred_at minus data.payload.duration_sec must",
        ),
        (HANGUP._replace(body=b"CallStatus=completed"), "The body must be one JSON object"),
        (HANGUP._replace(body=b'{"data":' * 100_000), "The body must be one JSON object"),
        (HANGUP._replace(body=b'{"event_type": "call.hangup"}'), "The body is not as documented"),
    ),
    call=(INITIATED.body, ANSWERED.body, ENDED.body, HUNG_UP.body),
    other_secret=public_key(bytes(32).hex()),
    invalid_secrets=("", "not base64", "AAAA", PUBLIC_KEY[:-4], "é"),
    tolerance_sec=300,
    ages_ms=st.integers(-600, 600).map(lambda seconds: seconds * 1_000),
    test_urls=(),
)
