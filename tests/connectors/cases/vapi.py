"""Vapi: samples and signatures. Vapi publishes no code that verifies them."""

import copy
import hashlib
import hmac
from typing import Any, Final

from hypothesis import strategies as st

from talkmeter.ingest.connectors.provider import Message
from talkmeter.ingest.connectors.vapi import PROVIDER
from tests.connectors.arbitrary import SECRETS, messages_of
from tests.connectors.messages import json_sample, message, vectors
from tests.connectors.provider_case import Key, ProviderCase

SAMPLE: Final = "vapi_end_of_call_report.json"
REPORT: Final = json_sample(SAMPLE)
VECTORS: Final = vectors("vapi")
_UNMETERED: Final = ("status-update", "transcript", "chat.created", "session.updated", "hang")


def sign(received: Message, secret: str, units_per_second: int = 1_000) -> Message:
    """Return the message with an HMAC of the time and the body."""
    timestamp = received.received_at * units_per_second // 1_000_000
    text = str(timestamp).encode() + b"." + received.body
    signature = hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    return received._replace(headers={"x-timestamp": str(timestamp), "x-signature": signature})


def report(call: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return the report of the sample with fields of the message and of its call replaced."""
    document: dict[str, Any] = copy.deepcopy(REPORT)
    document["message"].update(changes)
    document["message"]["call"].update(call or {})
    return document


_BIT_MESSAGE: Final = VECTORS[0].message()
_URL_BITS: Final = 8 * len(_BIT_MESSAGE.url)

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side="agent",
    status=200,
    vectors=VECTORS,
    headers=("x-signature", "x-timestamp"),
    keys=SECRETS.map(lambda secret: Key(secret, secret)),
    unsigned=st.binary(max_size=200).map(message),
    sign=sign,
    official=None,
    bit_message=_BIT_MESSAGE,
    # The URL is not signed.
    harmless_bits=range(_URL_BITS, _URL_BITS + 1),
    arbitrary=messages_of(REPORT),
    ignored=tuple((message({"message": {"type": type_, "call": 1}}), type_) for type_ in _UNMETERED),
    refused=(
        (message(report({"id": None})), "message.call.id must be 1 to 200 bytes"),
        (message(report(startedAt="yesterday")), "message.startedAt must be an RFC 3339"),
        (message(report(startedAt="2025-06-17T18:09:30")), "message.startedAt must be an RFC 3339"),
        (message(report(startedAt="2100-06-17T18:09:30Z")), "message.startedAt must be between"),
        (message(report(startedAt="2000-06-17T18:09:30Z")), "The end must be within"),
        (message({"message": {}}), "The body is not as documented: Object missing required field `type`"),
    ),
    call=(VECTORS[0].body,),
    other_header="X-Vapi-Secret",
    tolerance_sec=300,
)
