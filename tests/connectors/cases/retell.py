"""Retell AI: samples, and signatures by Retell's own code."""

import copy
from typing import Any, Final

from hypothesis import strategies as st
from retell.lib.webhook_auth import symmetric

from talkmeter.ingest.connectors.provider import Message
from talkmeter.ingest.connectors.retell import PROVIDER
from tests.connectors.arbitrary import SECRETS, messages_of
from tests.connectors.messages import json_sample, message, vectors, with_header
from tests.connectors.provider_case import Key, ProviderCase

CALL: Final = json_sample("retell_call_ended.json")
CHAT: Final[dict[str, Any]] = {
    "event": "chat_ended",
    "chat": {
        "chat_id": "chat_1",
        "agent_id": "agent_1",
        "chat_type": "api_chat",
        "chat_status": "ended",
        "start_timestamp": 1714608475945,
        "end_timestamp": 1714608491736,
        "transcript": "Agent: hi",
    },
}
SIGNATURE: Final = "x-retell-signature"
VECTORS: Final = vectors("retell")
_UNMETERED: Final = ("call_started", "chat_started", "transcript_updated", "transfer_started")


def sign(received: Message, secret: str) -> Message:
    """Return the message with the signature that Retell's own code makes."""
    return with_header(
        received, SIGNATURE, symmetric["sign"](received.body.decode(), secret, received.received_at // 1_000)
    )


def official(received: Message, secret: str) -> bool:
    """Return whether Retell's own code verifies the message at the time at which it is received."""
    try:
        body = received.body.decode()
    except UnicodeDecodeError:
        return False
    options = {"timestamp": received.received_at // 1_000}
    return bool(symmetric["verify"](body, secret, received.headers[SIGNATURE], options))


def call(**changes: Any) -> dict[str, Any]:
    """Return the call of the sample with fields replaced."""
    document: dict[str, Any] = copy.deepcopy(CALL)
    document["call"].update(changes)
    return document


_BIT_MESSAGE: Final = VECTORS[0].message()
_URL_BITS: Final = 8 * len(_BIT_MESSAGE.url)

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side="agent",
    status=200,
    vectors=VECTORS,
    headers=("X-Retell-Signature",),
    keys=SECRETS.map(lambda secret: Key(secret, secret)),
    unsigned=st.text(st.characters(codec="utf-8"), max_size=200).map(lambda text: message(text.encode())),
    sign=sign,
    official=official,
    bit_message=_BIT_MESSAGE,
    # The URL is not signed.
    harmless_bits=range(_URL_BITS, _URL_BITS + 1),
    arbitrary=messages_of(CALL, CHAT),
    ignored=tuple((message({**CALL, "event": event}), event) for event in _UNMETERED),
    refused=(
        (message(call(call_id=None)), "call.call_id must be 1 to 200 bytes"),
        (
            message(call(start_timestamp=None, end_timestamp=None)),
            "call.start_timestamp or call.end_timestamp is required",
        ),
        (message(call(start_timestamp=10**20)), "call.start_timestamp must be between"),
        (message(call(duration_ms=-1)), "call.duration_ms must be between 0"),
        (message({"event": "call_ended"}), "The body is not as documented: Object missing required field `call`"),
    ),
    call=(message(CALL).body, message({**CALL, "event": "call_analyzed"}).body),
    tolerance_sec=300,
    ages_ms=st.integers(-600_000, 600_000),
)
