"""Checks that several providers share: required headers, signatures, the age of a message.

Error sentences name headers and limits, never received values.
"""

from collections.abc import Callable, Iterable, Sequence
from hmac import compare_digest, digest
from typing import Final

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.provider import Message, NotVerified

MICROSECONDS_PER_MILLISECOND: Final = 1_000


def read_header(message: Message, name: str) -> str:
    """Return a required header; `name` is spelled as the provider spells it."""
    text = message.headers.get(name.lower())
    if not text:
        raise NotVerified(f"The header {name} is missing or empty.")
    return text


def as_bytes(text: str) -> bytes:
    """Encode a header, an address or a secret; lone surrogates do not fail."""
    return text.encode("utf-8", "surrogatepass")


def usable_secrets(secrets: Sequence[str]) -> list[bytes]:
    """Return the secrets without empty ones, with which anyone could sign. Raises NotVerified if none is left."""
    usable = [as_bytes(secret) for secret in secrets if secret]
    if not usable:
        raise NotVerified("The connector has no secret to verify a message with.")
    return usable


def verify_with_secrets(secrets: Sequence[str], given: str | bytes, expected: Callable[[bytes], str | bytes]) -> None:
    """Raise NotVerified unless `given` is the expected signature for one of the secrets. Empty secrets are skipped."""
    received = given if isinstance(given, bytes) else as_bytes(given)
    signatures = [expected(as_bytes(secret)) for secret in secrets if secret]
    verify_signature([each if isinstance(each, bytes) else as_bytes(each) for each in signatures], [received])


def verify_signature(expected: Iterable[bytes], given: Sequence[bytes]) -> None:
    """Raise NotVerified unless a given signature is an expected one. Compare all pairs, so timing reveals nothing."""
    verified = False
    for correct in expected:
        for received in given:
            verified |= compare_digest(correct, received)
    if not verified:
        raise NotVerified("The signature is invalid: it was made with another secret, or the message was changed.")


def timestamped_mac(secret: bytes, time: str, body: bytes) -> str:
    """Return the HMAC-SHA256 of `time.body` in hexadecimal, which several providers send as the signature."""
    return digest(secret, time.encode() + b"." + body, "sha256").hex()


def require_recent(signed_at: int, received_at: int, tolerance_sec: int) -> None:
    """Raise NotVerified if a message was signed long before or after its arrival: it may be a replay."""
    if abs(received_at - signed_at) <= tolerance_sec * MICROSECONDS_PER_SECOND:
        return
    side = "before" if signed_at < received_at else "after"
    raise NotVerified(
        f"The message was signed more than {tolerance_sec} seconds {side} it was received. "
        "If this repeats, check this machine's clock."
    )
