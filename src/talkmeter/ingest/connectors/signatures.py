"""Signatures of which there may be several: a header lists them, or an address may have been signed in two forms."""

from collections.abc import Iterable, Sequence
from hmac import compare_digest

from talkmeter.ingest.connectors.provider import NotProved


def as_bytes(text: str) -> bytes:
    """A header, an address or a secret as bytes; nothing a text may hold stops it."""
    return text.encode("utf-8", "surrogatepass")


def require_secrets(secrets: Sequence[str]) -> list[bytes]:
    """The secrets that can prove something: an empty one is known to everybody. NotProved where there are none."""
    known = [as_bytes(secret) for secret in secrets if secret]
    if not known:
        raise NotProved("The connector has no secret to prove a message with.")
    return known


def require_signature(expected: Iterable[bytes], given: Sequence[bytes]) -> None:
    """Refuse a message of whose signatures none is expected. All pairs are compared: the time tells nothing of them."""
    proved = False
    for ours in expected:
        for theirs in given:
            proved |= compare_digest(ours, theirs)
    if not proved:
        raise NotProved("The message is signed with another secret than the connector's, or was changed on its way.")
