"""Read the JSON bodies of providers: decode leniently, and turn single fields into values of records.

Error sentences name the field and what is allowed, never the value: it may be a caller's number or name.
"""

import re
from typing import Final, TypeVar

import msgspec

from talkmeter.ingest.connectors.provider import NotUnderstood
from talkmeter.ingest.fields import MAX_DURATION_SEC, MAX_ID_BYTES, FieldError, read_id
from talkmeter.period import EARLIEST_INSTANT, LATEST_INSTANT, read_instant

T = TypeVar("T")
Number = int | float

_DIGITS: Final = re.compile("[0-9]{1,18}")
_MAX_DURATION_MS: Final = MAX_DURATION_SEC * 1_000


def read_json(body: bytes, type_: type[T]) -> T:
    """Decode the body into a struct; unknown fields are ignored."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        # The error names a field and types. It would quote a value only for a literal or a mapping's key, and no
        # struct of a provider has either.
        raise NotUnderstood(f"The body is not as documented: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotUnderstood("The body must be one JSON object in UTF-8.") from None


def require_id(name: str, text: str | None) -> str:
    """Return a required id."""
    try:
        return read_id(name, text or "")
    except FieldError:
        sentence = f"{name} must be 1 to {MAX_ID_BYTES} bytes of UTF-8 without control characters."
        raise NotUnderstood(sentence) from None


def read_optional(name: str, text: str | None) -> str | None:
    """Return an optional id; null, absent and empty are None."""
    return require_id(name, text) if text else None


def read_text_instant(name: str, text: str | None) -> int | None:
    """Return an RFC 3339 instant in microseconds; null, absent and empty are None."""
    if not text:
        return None
    try:
        instant = read_instant(text)
    except (ValueError, OverflowError):
        sentence = f"{name} must be an RFC 3339 date and time with an offset, such as 2026-11-01T09:30:00Z."
        raise NotUnderstood(sentence) from None
    return require_range(name, instant)


def read_unix(name: str, number: str | Number | None, units_per_second: int = 1) -> int | None:
    """Return seconds (or smaller units) since 1970 in microseconds; null, absent, empty and 0 are None.

    Digits in a string are accepted, because protobuf's JSON writes 64-bit integers as strings.
    """
    if isinstance(number, str):
        if number and not _DIGITS.fullmatch(number):
            raise NotUnderstood(f"{name} must be a whole number of time units since 1970.")
        number = int(number or 0)
    return require_range(name, number * (1_000_000 // units_per_second)) if number else None


def read_duration_ms(name: str, number: Number | None, ms_per_unit: int = 1) -> int | None:
    """Return a duration in whole milliseconds; null and absent are None."""
    if number is None:
        return None
    duration = number * ms_per_unit
    if not 0 <= duration <= _MAX_DURATION_MS:
        raise NotUnderstood(f"{name} must be between 0 and {MAX_DURATION_SEC} seconds.")
    return round(duration)


def duration_between(start: int, end: int) -> int:
    """Return the milliseconds between two instants in microseconds; 0 if the end is before the start.

    Providers write the two with different precision, so a very short call may seem to end before it begins.
    """
    duration = max(end - start, 0) // 1_000
    if duration > _MAX_DURATION_MS:
        raise NotUnderstood(f"The end must be within {MAX_DURATION_SEC} seconds after the start.")
    return duration


def require_range(name: str, instant: Number) -> int:
    """Return an instant in whole microseconds. Raises NotUnderstood if a record cannot have it."""
    if not EARLIEST_INSTANT <= instant < LATEST_INSTANT:
        raise NotUnderstood(f"{name} must be between 1970-01-01 and 2099-12-31.")
    return int(instant)
