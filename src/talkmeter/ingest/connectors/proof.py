"""What the proofs have in common: a header that must be there, a secret that must fit, an age a message may have.

The sentences name headers and limits, never what was received.
"""

import hmac
from collections.abc import Callable, Sequence
from typing import Final

from talkmeter.ingest.connectors.provider import Message, NotProved

MICROSECONDS_PER_SECOND: Final = 1_000_000
MICROSECONDS_PER_MILLISECOND: Final = 1_000


def read_header(message: Message, name: str) -> str:
    """A header that the proof needs; `name` as the stack writes it."""
    text = message.headers.get(name.lower())
    if not text:
        raise NotProved(f"The header {name} is missing or empty.")
    return text


def require_secret(secrets: Sequence[str], given: str | bytes, expected: Callable[[bytes], str | bytes]) -> None:
    """Refuse what none of the secrets makes of the message.

    All are tried to the end, and an empty one proves nothing: how long it takes does not tell which of them fits.
    """
    received = _bytes_of(given)
    fitting = False
    for secret in secrets:
        fits = hmac.compare_digest(_bytes_of(expected(_bytes_of(secret))), received)
        fitting |= fits and secret != ""
    if not fitting:
        raise NotProved("The message is signed with another secret than the connector's, or was changed on its way.")


def require_recent(signed_at: int, received_at: int, tolerance_sec: int) -> None:
    """Refuse a message that was signed long before or after it came: it may be sent again by somebody who saw it."""
    if abs(received_at - signed_at) <= tolerance_sec * MICROSECONDS_PER_SECOND:
        return
    side = "before" if signed_at < received_at else "after"
    raise NotProved(
        f"The message was signed more than {tolerance_sec} seconds {side} it was received. "
        "If that repeats, set the clock of this machine right."
    )


def _bytes_of(text: str | bytes) -> bytes:
    """The bytes of a header, whatever its characters are: `compare_digest` takes text only where it is ASCII."""
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
