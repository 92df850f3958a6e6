"""What an answer of the server means for the batch that was sent: counted, again later, smaller, or never so."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import msgspec

from talkmeter.clock import MICROSECONDS_PER_SECOND, now
from talkmeter.errors import shown

MAX_ANSWER_BYTES: Final = 16 << 20
"""More is no receipt: of 10,000 events, each quarantined, it is a third of that."""
_RETRIED: Final = frozenset({408, 429})
_TOO_LARGE: Final = 413


class Quarantined(msgspec.Struct, frozen=True):
    """An event that the server cannot count, and why; it is not sent again (docs/reference/http-api.md)."""

    index: int
    id: str | None
    reason: str
    detail: str
    kept: bool


class Receipt(msgspec.Struct, frozen=True):
    """How many events of a request ended in each bin."""

    accepted: int
    duplicate: int
    conflicting: int
    stale: int
    quarantined: list[Quarantined]


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    retry_after: str | None = None


class NoAnswer(NamedTuple):
    """Nothing came back, or nothing that can be read; whether the batch was counted is unknown."""

    sentence: str


class Counted(NamedTuple):
    """The server has the batch on disk."""

    receipt: Receipt


class Again(NamedTuple):
    """The same batch may be counted later; `retry_after` is what the server asks for, in seconds."""

    sentence: str
    retry_after: float | None = None


class Smaller(NamedTuple):
    """The batch is too large; a part of it may not be."""

    sentence: str


class Refused(NamedTuple):
    """The batch will not be taken as it is."""

    status: int
    sentence: str


Verdict = Counted | Again | Smaller | Refused


class _Problem(msgspec.Struct, frozen=True):
    detail: str


_read_receipt: Final = msgspec.json.Decoder(Receipt).decode
_read_problem: Final = msgspec.json.Decoder(_Problem).decode


def judge_answer(answer: Answer | NoAnswer, sent: int) -> Verdict:
    """What to do with a batch of `sent` events after this answer."""
    if isinstance(answer, NoAnswer):
        return Again(answer.sentence)
    status = answer.status
    if status == 200:
        receipt = _receipt_for(answer.body, sent)
        if receipt is None:
            return Again("It answered 200, but not with a receipt of these events, so it may not be Talkmeter.")
        return Counted(receipt)
    sentence = _sentence(answer)
    if status == _TOO_LARGE:
        return Smaller(sentence)
    if 400 <= status < 500 and status not in _RETRIED:
        return Refused(status, sentence)
    return Again(sentence, read_retry_after(answer.retry_after))


def read_retry_after(text: str | None) -> float | None:
    """Seconds until the server wants to be asked again: a number of them, or a date; None where it says neither."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text[:20])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, at.timestamp() - now() / MICROSECONDS_PER_SECOND)


def _receipt_for(body: bytes, sent: int) -> Receipt | None:
    """The receipt, if it is one of so many events."""
    try:
        receipt = _read_receipt(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    bins = (receipt.accepted, receipt.duplicate, receipt.conflicting, receipt.stale, len(receipt.quarantined))
    places = {one.index for one in receipt.quarantined}
    whole = min(bins) >= 0 and sum(bins) == sent
    return receipt if whole and len(places) == bins[-1] and places <= set(range(sent)) else None


def _sentence(answer: Answer) -> str:
    """The server's own words, where it has some."""
    try:
        return f"{answer.status}: {_read_problem(answer.body).detail[:1_000]}"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = shown(answer.body[:200].decode(errors="replace"))
        return f"{answer.status}, without a sentence of Talkmeter: {said}"
