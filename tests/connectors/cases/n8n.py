"""n8n: samples; the secret is sent in a header, and nothing is signed."""

from typing import Any, Final

from hypothesis import strategies as st

from talkmeter.ingest.connectors.n8n import HEADER, PROVIDER
from talkmeter.ingest.connectors.provider import Message
from tests.connectors.arbitrary import SECRETS, messages_of
from tests.connectors.messages import Vector, json_sample, message, with_header
from tests.connectors.provider_case import Key, ProviderCase

SUCCESS: Final[dict[str, Any]] = json_sample("n8n_log_streaming_success.json")
FAILED: Final[dict[str, Any]] = json_sample("n8n_log_streaming_failed.json")
SECRET: Final = "a secret that is long enough"
VECTORS: Final = [
    Vector("n8n", f"n8n_log_streaming_{outcome}.json", {HEADER: SECRET}, SECRET) for outcome in ("success", "failed")
]
_UNMETERED: Final = ("n8n.node.started", "n8n.audit.user.login.success", "n8n.workflow.waiting")


def sign(received: Message, secret: str) -> Message:
    return with_header(received, HEADER.lower(), secret)


_BIT_MESSAGE: Final = VECTORS[0].message()
_UNSIGNED_BITS: Final = 8 * (len(_BIT_MESSAGE.url) + len(_BIT_MESSAGE.body))

CASE: Final = ProviderCase(
    provider=PROVIDER,
    side=None,
    status=200,
    vectors=VECTORS,
    headers=(HEADER,),
    keys=SECRETS.map(lambda secret: Key(secret, secret)),
    unsigned=st.binary(max_size=50).map(message),
    sign=sign,
    official=None,
    bit_message=_BIT_MESSAGE,
    harmless_bits=range(_UNSIGNED_BITS, _UNSIGNED_BITS + 1),
    arbitrary=messages_of(SUCCESS, FAILED),
    ignored=tuple((message({"eventName": name, "payload": 1}), name) for name in _UNMETERED),
    refused=(
        (message({**SUCCESS, "payload": {}}), "payload.executionId must be 1 to 200 bytes"),
        (message({**SUCCESS, "ts": None}), "ts must be the RFC 3339 date and time"),
        (message({**SUCCESS, "ts": "noon"}), "ts must be an RFC 3339 date and time"),
        (message({}), "The body is not as documented: Object missing required field `eventName`"),
    ),
    call=(message({**SUCCESS, "eventName": "n8n.workflow.started"}).body, message(SUCCESS).body),
)
