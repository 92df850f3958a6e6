"""Sign messages as each provider does. The code shares nothing with the one that verifies them."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import jwt
from nacl.signing import SigningKey

from tests.connectors.messages import FORM
from tests.connectors.metering_server import Hook

_TELNYX_KEY: Final = SigningKey(bytes(range(32)))
_TEXT_SECRET: Final = "a secret of 32 characters or more"
_WEBHOOKS_SECRET: Final = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
_NONCE: Final = "12345678901234567890"

Headers = dict[str, str]


class Signer(NamedTuple):
    """How a provider signs: the connector's secret, and a function of URL, body and second that returns headers."""

    secret: str
    sign: Callable[[str, bytes, int], Headers]
    content_type: str = "application/json"


def _mac(text: bytes, digest: str = "sha256", key: bytes = _TEXT_SECRET.encode()) -> bytes:
    return hmac.digest(key, text, digest)


def _pairs(body: bytes) -> list[tuple[bytes, bytes]]:
    fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def _twilio(url: str, body: bytes, _: int) -> Headers:
    text = b"".join(name + value for name, value in sorted(set(_pairs(body))))
    return {"X-Twilio-Signature": b64encode(_mac(url.encode() + text, "sha1")).decode()}


def _plivo(url: str, body: bytes, _: int) -> Headers:
    text = b"".join(name + value for name, value in sorted(_pairs(body)))
    signed = url.encode() + (b"?" + text if _pairs(body) else b"") + b"." + _NONCE.encode()
    return {"X-Plivo-Signature-V3": b64encode(_mac(signed)).decode(), "X-Plivo-Signature-V3-Nonce": _NONCE}


def _vapi(_: str, body: bytes, second: int) -> Headers:
    return {"x-timestamp": str(second), "x-signature": _mac(b"%d.%s" % (second, body)).hex()}


def _retell(_: str, body: bytes, second: int) -> Headers:
    return {"X-Retell-Signature": f"v={second}000,d={_mac(b'%s%d000' % (body, second)).hex()}"}


def _elevenlabs(_: str, body: bytes, second: int) -> Headers:
    return {"ElevenLabs-Signature": f"t={second},v0={_mac(b'%d.%s' % (second, body)).hex()}"}


def _livekit(_: str, body: bytes, second: int) -> Headers:
    hash_ = b64encode(hashlib.sha256(body).digest()).decode()
    claims = {"iss": "key", "nbf": second, "exp": second + 300, "sha256": hash_}
    return {"Authorization": jwt.encode(claims, _TEXT_SECRET, "HS256")}


def _telnyx(_: str, body: bytes, second: int) -> Headers:
    signature = _TELNYX_KEY.sign(b"%d|%s" % (second, body)).signature
    return {"Telnyx-Timestamp": str(second), "Telnyx-Signature-Ed25519": b64encode(signature).decode()}


def _n8n(_: str, __: bytes, ___: int) -> Headers:
    return {"X-Talkmeter-Secret": _TEXT_SECRET}


def _signed(_: str, body: bytes, second: int) -> Headers:
    key = b64decode(_WEBHOOKS_SECRET.removeprefix("whsec_"))
    signature = b64encode(_mac(b"msg.%d.%s" % (second, body), key=key)).decode()
    return {"webhook-id": "msg", "webhook-timestamp": str(second), "webhook-signature": f"v1,{signature}"}


SIGNERS: Final[dict[str, Signer]] = {
    "signed": Signer(_WEBHOOKS_SECRET, _signed),
    "twilio": Signer(_TEXT_SECRET, _twilio, FORM),
    "vapi": Signer(_TEXT_SECRET, _vapi),
    "retell": Signer(_TEXT_SECRET, _retell),
    "elevenlabs": Signer(_TEXT_SECRET, _elevenlabs),
    "livekit": Signer(_TEXT_SECRET, _livekit, "application/webhook+json"),
    "telnyx": Signer(b64encode(bytes(_TELNYX_KEY.verify_key)).decode(), _telnyx),
    "plivo": Signer(_TEXT_SECRET, _plivo, FORM),
    "n8n": Signer(_TEXT_SECRET, _n8n),
}


def signed_request(hook: Hook, body: bytes, second: int) -> bytes:
    """Return an HTTP request to a connector, signed at a second."""
    signer = SIGNERS[hook.provider]
    headers = {
        "Host": "meter",
        "Content-Type": signer.content_type,
        "Content-Length": str(len(body)),
        **signer.sign(hook.public_url, body, second),
    }
    lines = [f"POST {hook.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body
