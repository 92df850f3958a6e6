"""Read single fields of events: ids, instants, durations. Each is normalized or raises FieldError."""

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from talkmeter.errors import quoted
from talkmeter.ledger.batch import Reason
from talkmeter.period import read_instant, within_range

MAX_DURATION_SEC: Final = 31_622_400
MAX_ID_BYTES: Final = 200
MAX_SOURCE_BYTES: Final = 500
MAX_NAME_LENGTH: Final = 200

CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SEQUENCE: Final = re.compile(r"-?[0-9]{1,18}")
_MILLISECOND: Final = Decimal("0.001")
_NUMBER: Final = re.compile(rb"-?[0-9].*", re.DOTALL)


class FieldError(Exception):
    """An invalid field: the reason for the quarantine, and a sentence that says what is wrong."""

    def __init__(self, reason: Reason, detail: str) -> None:
        """Keep the reason and the sentence."""
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_id(name: str, text: str, max_bytes: int = MAX_ID_BYTES, reason: Reason = Reason.INVALID_DATA) -> str:
    """Return a required id: 1 to `max_bytes` bytes of UTF-8 without control characters."""
    if text.isascii() and text.isprintable() and 0 < len(text) <= max_bytes:
        return text
    if not text:
        raise FieldError(reason, f"{name} is missing or empty; it must be 1 to {max_bytes} bytes.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise FieldError(reason, f"{name} is not UTF-8: {quoted(text)}.") from None
    if size > max_bytes:
        raise FieldError(reason, f"{name} is {size} bytes long; at most {max_bytes} are allowed.")
    if CONTROL.search(text):
        raise FieldError(reason, f"{name} contains a control character: {quoted(text)}.")
    return text


@lru_cache(maxsize=8_192)
def read_repeated_id(name: str, text: str, max_bytes: int = MAX_ID_BYTES, reason: Reason = Reason.INVALID_DATA) -> str:
    """Return a required id like `read_id`, with a cache for ids that many events share."""
    return read_id(name, text, max_bytes, reason)


def read_optional_id(name: str, text: str | None) -> str | None:
    """Return an optional id; null, absent and empty are None."""
    return read_repeated_id(name, text) if text else None


def read_name(text: str | None) -> str | None:
    """Return a display name, cut at 200 characters, with spaces for control characters; an empty one is None."""
    if not text:
        return None
    return CONTROL.sub(" ", text)[:MAX_NAME_LENGTH].strip() or None


def read_time(name: str, text: str | None, reason: Reason) -> int:
    """Return a required RFC 3339 instant in microseconds since 1970; finer digits are cut."""
    if not text:
        raise FieldError(
            reason, f"{name} is missing; it must be an RFC 3339 date and time such as 2026-11-01T09:30:00Z."
        )
    try:
        instant = read_instant(text)
    except (ValueError, OverflowError):
        sentence = (
            f"{name} must be an RFC 3339 date and time with an offset, such as 2026-11-01T09:30:00Z, "
            f"not {quoted(text)}."
        )
        raise FieldError(reason, sentence) from None
    if not within_range(instant):
        raise FieldError(Reason.OUT_OF_RANGE, f"{name} must be between 1970-01-01 and 2099-12-31, not {quoted(text)}.")
    return instant


def read_sequence(value: object) -> int:
    """Return the CloudEvents `sequence`: an integer of at most 18 digits, also as a string; anything else is 0."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return 0
    text = str(value)
    return int(text) if _SEQUENCE.fullmatch(text) else 0


def read_duration(raw: bytes) -> int | None:
    """Return a JSON duration in seconds as milliseconds, rounded half up; null, "" and absent are None."""
    if raw in (b"", b"null", b'""'):
        return None
    if not _NUMBER.fullmatch(raw):
        raise FieldError(Reason.INVALID_DATA, "data.duration must be a number of seconds or null.")
    try:
        seconds = Decimal(raw.decode())
    except InvalidOperation:
        raise FieldError(Reason.OUT_OF_RANGE, "data.duration has an exponent that is out of range.") from None
    if not 0 <= seconds <= MAX_DURATION_SEC:
        sentence = f"data.duration must be between 0 and {MAX_DURATION_SEC} seconds, not {quoted(raw.decode())}."
        raise FieldError(Reason.OUT_OF_RANGE, sentence)
    return int(seconds.quantize(_MILLISECOND, ROUND_HALF_UP) * 1000)
