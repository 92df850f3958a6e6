"""Decide what the server's response means for a batch: accepted, retry, split, or rejected."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import msgspec

from talkmeter_client.clock import now
from talkmeter_client.errors import quoted

MAX_RESPONSE_BYTES: Final = 16 << 20
"""Larger than any receipt: that of 10,000 quarantined events is a third of this."""
_RETRIED: Final = frozenset({408, 429})
_TOO_LARGE: Final = 413


class Quarantined(msgspec.Struct, frozen=True):
    """An event that the server could not count, and why. It is not sent again (docs/reference/http-api.md)."""

    index: int
    id: str | None
    reason: str
    detail: str
    kept: bool


class BatchReceipt(msgspec.Struct, frozen=True):
    """The server's receipt: the number of events by result."""

    accepted: int
    duplicate: int
    conflicting: int
    stale: int
    quarantined: list[Quarantined]


class ServerResponse(NamedTuple):
    """The server's response to a batch."""

    status: int
    body: bytes
    retry_after: str | None = None


class NoResponse(NamedTuple):
    """No readable response; whether the batch was counted is unknown."""

    sentence: str


class BatchAccepted(NamedTuple):
    """The server has stored the batch on disk."""

    receipt: BatchReceipt


class Retry(NamedTuple):
    """Send the same batch again later; `retry_after` is the server's delay in seconds."""

    sentence: str
    retry_after: float | None = None


class SplitBatch(NamedTuple):
    """The batch is too large; send smaller parts."""

    sentence: str


class BatchRejected(NamedTuple):
    """The server rejects the batch; do not send it again."""

    status: int
    sentence: str


Decision = BatchAccepted | Retry | SplitBatch | BatchRejected


class _ErrorBody(msgspec.Struct, frozen=True):
    detail: str


_read_receipt: Final = msgspec.json.Decoder(BatchReceipt).decode
_read_problem: Final = msgspec.json.Decoder(_ErrorBody).decode


def decide(response: ServerResponse | NoResponse, sent: int) -> Decision:
    """Return what to do with a batch of `sent` events after this response."""
    if isinstance(response, NoResponse):
        return Retry(response.sentence)
    status = response.status
    if status == 200:
        receipt = _receipt_for(response.body, sent)
        if receipt is None:
            return Retry("The server answered 200 without a receipt of these events, so it may not be Talkmeter.")
        return BatchAccepted(receipt)
    sentence = _sentence(response)
    if status == _TOO_LARGE:
        return SplitBatch(sentence)
    if 400 <= status < 500 and status not in _RETRIED:
        return BatchRejected(status, sentence)
    return Retry(sentence, read_retry_after(response.retry_after))


def read_retry_after(text: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date; None if it is missing or invalid."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text[:20])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (at - now()).total_seconds())


def _receipt_for(body: bytes, sent: int) -> BatchReceipt | None:
    """Return the receipt in the body, None if it is not a valid receipt of `sent` events."""
    try:
        receipt = _read_receipt(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    counts = (receipt.accepted, receipt.duplicate, receipt.conflicting, receipt.stale, len(receipt.quarantined))
    indexes = {quarantined.index for quarantined in receipt.quarantined}
    is_complete = min(counts) >= 0 and sum(counts) == sent
    return receipt if is_complete and len(indexes) == counts[-1] and indexes <= set(range(sent)) else None


def _sentence(response: ServerResponse) -> str:
    """Return the status and the server's error sentence, or the beginning of the body if it has none."""
    try:
        return f"{response.status}: {_read_problem(response.body).detail[:1_000]}"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        body = quoted(response.body[:200].decode(errors="replace"))
        return f"{response.status} without a Talkmeter error; the body begins with {body}"
