"""What the proofs have in common: a header that must be there, a signature that must fit, an age a message may have.

The sentences name headers and limits, never what was received.
"""

from collections.abc import Callable, Iterable, Sequence
from hmac import compare_digest, digest
from typing import Final

from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.provider import Message, NotVerified

MICROSECONDS_PER_MILLISECOND: Final = 1_000


def read_header(message: Message, name: str) -> str:
    """A header that the proof needs; `name` as the stack writes it."""
    text = message.headers.get(name.lower())
    if not text:
        raise NotVerified(f"The header {name} is missing or empty.")
    return text


def as_bytes(text: str) -> bytes:
    """A header, an address or a secret as bytes; nothing a text may hold stops it."""
    return text.encode("utf-8", "surrogatepass")


def require_secrets(secrets: Sequence[str]) -> list[bytes]:
    """The secrets that can prove something: an empty one is known to everybody. NotVerified where there are none."""
    known = [as_bytes(secret) for secret in secrets if secret]
    if not known:
        raise NotVerified("The connector has no secret to prove a message with.")
    return known


def require_secret(secrets: Sequence[str], given: str | bytes, expected: Callable[[bytes], str | bytes]) -> None:
    """Refuse what none of the secrets makes of the message; an empty one proves nothing."""
    received = given if isinstance(given, bytes) else as_bytes(given)
    made = [expected(as_bytes(secret)) for secret in secrets if secret]
    require_signature([one if isinstance(one, bytes) else as_bytes(one) for one in made], [received])


def require_signature(expected: Iterable[bytes], given: Sequence[bytes]) -> None:
    """Refuse a message of whose signatures none is expected. All pairs are compared: the time tells nothing of them."""
    proved = False
    for ours in expected:
        for theirs in given:
            proved |= compare_digest(ours, theirs)
    if not proved:
        raise NotVerified("The message is signed with another secret than the connector's, or was changed on its way.")


def timed_mac(secret: bytes, time: str, body: bytes) -> str:
    """HMAC-SHA256 of a time, a point and the body, in hexadecimal digits: what several stacks sign with."""
    return digest(secret, time.encode() + b"." + body, "sha256").hex()


def require_recent(signed_at: int, received_at: int, tolerance_sec: int) -> None:
    """Refuse a message that was signed long before or after it came: it may be sent again by somebody who saw it."""
    if abs(received_at - signed_at) <= tolerance_sec * MICROSECONDS_PER_SECOND:
        return
    side = "before" if signed_at < received_at else "after"
    raise NotVerified(
        f"The message was signed more than {tolerance_sec} seconds {side} it was received. "
        "If that repeats, set the clock of this machine right."
    )
