"""Our own events in signed messages: samples, and signatures by the code of Standard Webhooks."""

import base64
import json
from datetime import UTC, datetime, tzinfo
from typing import Final, Self
from unittest.mock import patch

import standardwebhooks.webhooks
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from talkmeter.ingest.connectors.provider import Message
from talkmeter.ingest.connectors.signed import PROVIDER
from tests.connectors.arbitrary import messages_like
from tests.connectors.messages import CALLER, SECOND, vectors
from tests.connectors.provider_case import Key, ProviderCase
from tests.events import Json, conversation, event, run

SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ID: Final = "webhook-id"
TIMESTAMP: Final = "webhook-timestamp"
SIGNATURE: Final = "webhook-signature"
VECTORS: Final = vectors("standard-webhooks")
SAMPLE: Final = VECTORS[0].message()
CALL: Final = conversation(
    "call-1", channel="webrtc", modality="voice", agent_id="ann", agent_number="+15005550001", web_widget_id="w1"
)


def body_of(*events: Json) -> bytes:
    """Return one event alone, or several as an array."""
    return json.dumps(events[0] if len(events) == 1 else events).encode()


def message_of(body: bytes, content_type: str = "application/json") -> Message:
    return Message("POST", SAMPLE.url, {"content-type": content_type}, body, SAMPLE.received_at)


def sign(message: Message, secret: str = SECRET, id_: str = "msg_1") -> Message:
    """Return the message signed by the code of Standard Webhooks."""
    second = message.received_at // SECOND
    signature = Webhook(secret).sign(id_, datetime.fromtimestamp(second, UTC), message.body.decode())
    return message._replace(headers={**message.headers, ID: id_, TIMESTAMP: str(second), SIGNATURE: signature})


def official(message: Message, secret: str = SECRET) -> bool:
    """Return whether the code of Standard Webhooks verifies the message at the time at which it is received.

    It raises whatever error occurs if the signature cannot be parsed.
    """

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(message.received_at / SECOND, tz)

    try:
        with patch.object(standardwebhooks.webhooks, "datetime", Clock):
            Webhook(secret).verify(message.body, dict(message.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


_BIT_MESSAGE: Final = sign(message_of(body_of(CALL)))
_URL_BITS: Final = 8 * len(_BIT_MESSAGE.url)

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side=None,
    status=200,
    vectors=VECTORS,
    headers=(ID, TIMESTAMP, SIGNATURE),
    keys=st.binary(min_size=1).map(lambda key: Key(secret_of(key), secret_of(key))),
    unsigned=st.text().map(lambda text: message_of(text.encode())),
    sign=sign,
    official=official,
    bit_message=_BIT_MESSAGE,
    # The URL is not signed, and the last character of the signature has two unused bits.
    harmless_bits=range(_URL_BITS, _URL_BITS + 3),
    arbitrary=messages_like(SAMPLE._replace(body=body_of(CALL, run())), (ID, TIMESTAMP, SIGNATURE, "ce-specversion")),
    ignored=(),
    refused=(
        (SAMPLE, "The event: "),
        (message_of(b"hello"), "The body is not JSON."),
        (message_of(b"["), "The body is not a JSON array"),
        (message_of(b"[" + b"1," * 20_000 + b"1]"), "The request has more than 10000 events"),
        (message_of(body_of(CALL), "text/plain"), "Content-Type must be one of application/cloudevents+json,"),
        (message_of(body_of(event("call.ended", {"id": "1"}))), "type '…' is not metered"),
        (message_of(body_of(conversation(status=f"+1500{CALLER}"))), "data.status: invalid enum value '…'"),
        (message_of(body_of(conversation(status=f"it's \"+1500{CALLER}"))), "data.status: invalid enum value '…'"),
        (message_of(body_of(conversation(status="x" * 130 + CALLER))), "data.status: invalid enum value '…'"),
        (message_of(body_of(conversation(created_at=f"+1500{CALLER}"))), "data.created_at must be an RFC 3339 date"),
        (
            message_of(body_of(conversation(agent_number=f"{CALLER}\n"))),
            "data.agent_number contains a control character: '…'",
        ),
        (message_of(body_of(conversation(duration=-1))), "data.duration must be between 0 and 31622400 seconds"),
    ),
    call=tuple(
        body_of({**conversation(status=status, duration=duration), "time": f"2026-03-01T12:00:0{second}Z"})
        for second, (status, duration) in enumerate((("ringing", None), ("in_progress", None), ("completed", 60)))
    ),
    other_secret=secret_of(b"another key"),
    invalid_secrets=("", "whsec_", "whsec_not base64", "é"),
    tolerance_sec=300,
    ages_ms=st.integers(-600, 600).map(lambda seconds: seconds * 1_000),
)
