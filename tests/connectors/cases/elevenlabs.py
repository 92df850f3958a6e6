"""ElevenLabs Agents: samples, and signatures by ElevenLabs' own code."""

import copy
import hashlib
import hmac
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from elevenlabs import webhooks_custom
from elevenlabs.errors import BadRequestError
from hypothesis import strategies as st

from talkmeter.ingest.connectors.elevenlabs import PROVIDER
from talkmeter.ingest.connectors.provider import Message
from tests.connectors.arbitrary import SECRETS, messages_of
from tests.connectors.messages import SECOND, json_sample, message, vectors, with_header
from tests.connectors.provider_case import Key, ProviderCase

WEB: Final = json_sample("elevenlabs_post_call_transcription.json")
PHONE: Final = json_sample("elevenlabs_post_call_phone.json")
FAILURE: Final = json_sample("elevenlabs_call_initiation_failure.json")
SIGNATURE: Final = "elevenlabs-signature"
VECTORS: Final = vectors("elevenlabs")
# Its check needs no client and no network.
_OFFICIAL: Final = webhooks_custom.WebhooksClient.__new__(webhooks_custom.WebhooksClient)
_DOCUMENTS: Final = st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3)


def sign(received: Message, secret: str) -> Message:
    at = received.received_at // SECOND
    mac = hmac.new(secret.encode(), f"{at}.".encode() + received.body, hashlib.sha256).hexdigest()
    return with_header(received, SIGNATURE, f"t={at},v0={mac}")


def official(received: Message, secret: str) -> bool:
    """Return whether ElevenLabs' own code verifies the message at the time at which it is received."""
    clock = SimpleNamespace(time=lambda: received.received_at / SECOND)
    try:
        with patch.object(webhooks_custom, "time", clock):
            _OFFICIAL.construct_event(received.body.decode(), received.headers[SIGNATURE], secret)
    except (BadRequestError, ValueError):
        return False
    return True


def changed(document: dict[str, Any], metadata: dict[str, Any] | None = None, **data: Any) -> dict[str, Any]:
    """Return a document with fields of its data and of their metadata replaced."""
    copied: dict[str, Any] = copy.deepcopy(document)
    copied["data"].update(data)
    copied["data"]["metadata"].update(metadata or {})
    return copied


_BIT_MESSAGE: Final = next(vector for vector in VECTORS if "phone" in vector.sample).message()
_URL_BITS: Final = 8 * len(_BIT_MESSAGE.url)

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side="agent",
    status=200,
    vectors=VECTORS,
    headers=("ElevenLabs-Signature",),
    keys=SECRETS.map(lambda secret: Key(secret, secret)),
    unsigned=_DOCUMENTS.map(message),
    sign=sign,
    official=official,
    bit_message=_BIT_MESSAGE,
    # The URL is not signed.
    harmless_bits=range(_URL_BITS, _URL_BITS + 1),
    arbitrary=messages_of(WEB, PHONE, FAILURE),
    ignored=tuple(
        (message({"type": type_, "data": 1}), type_) for type_ in ("post_call_audio", "voice_removal_notice")
    ),
    refused=(
        (message(changed(WEB, conversation_id="")), "data.conversation_id must be 1 to 200 bytes"),
        (message(changed(WEB, {"start_time_unix_secs": None})), "data.metadata.start_time_unix_secs must be"),
        (
            message(changed(WEB, {"call_duration_secs": 31_622_401})),
            "data.metadata.call_duration_secs must be between 0",
        ),
        (message({"type": "post_call_transcription_otel", "data": {"conversation_id": "c"}}), "data.otlp_traces must"),
        (message({**FAILURE, "event_timestamp": None}), "event_timestamp must be the seconds since 1970"),
        (
            message({"type": "post_call_transcription"}),
            "The body is not as documented: Object missing required field `data`",
        ),
    ),
    call=(VECTORS[0].body,),
    tolerance_sec=1_800,
    # ElevenLabs' code accepts any signature from the future.
    ages_ms=st.integers(0, 2_000).map(lambda seconds: seconds * 1_000),
)
