"""Read instants from the cells of tables: ISO 8601, numbers since 1970, and formats of Python's strptime.

A cell's zone is used or refused, never ignored, and the time zone of this machine has no influence.
"""

import re
from datetime import date, datetime, tzinfo
from decimal import ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from talkmeter.errors import quoted
from talkmeter.ingest.maps import UNIX_FORMATS
from talkmeter.period import microseconds, read_instant

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?(?:[eE][+-]?[0-9]{1,2})?")
_EXACT: Final = Context(prec=120)
"""Enough digits for any cell, so nothing is rounded before the last step."""

_DIRECTIVE: Final = re.compile(r"%.|[^%]+")
_ZONE_IN_FORMAT: Final = re.compile(r"(?<![A-Za-z])(?:Z|[A-SU-Z]|[A-Z]{2,5})(?![A-Za-z])")
"""Capital letters outside of directives name a zone, as in `%H:%M:%SZ` or `%H:%M EST`; a single T does not."""

_ZONE_WORD: Final = re.compile(
    r"(?<![A-Za-z])[A-Za-z]+(?:[/_-][A-Za-z]+)*(?:[+-][0-9]{1,2}(?::?[0-9]{2})?)?(?![A-Za-z])"
)
_UTC_WORD: Final = re.compile(r"(?:UTC|GMT|UT|Z)(?:([+-])([0-9]{1,2}):?([0-9]{2})?)?")
_TRAILING_UTC: Final = re.compile(r"[ ]?\(?(?:UTC|GMT)\)?$")


def normalized_format(format_: str) -> str:
    """Return a strptime format with `%Z` for a zone that it names literally, such as the Z in `%H:%M:%SZ`."""
    pieces = _DIRECTIVE.findall(format_)
    if "%z" in pieces:
        return format_
    return "".join(piece if piece.startswith("%") else _ZONE_IN_FORMAT.sub("%Z", piece) for piece in pieces)


def has_zone(format_: str) -> bool:
    """Return whether texts of a normalized format have an offset or the name of a zone."""
    return not {"%z", "%Z"}.isdisjoint(_DIRECTIVE.findall(format_))


@lru_cache(maxsize=256)
def instant_of_cell(text: str, format_: str | None, zone: tzinfo | None) -> int:
    """Return an instant in microseconds since 1970; finer digits are cut. Raises ValueError if the text is invalid.

    Cached, because `time` and `created_at` of a row often have the same text.
    """
    match format_:
        case None:
            return _parse_iso(text, zone)
        case "unix seconds" | "unix milliseconds" | "unix microseconds":
            return _parse_unix(text, format_)
        case _:
            return _parse_format(text, normalized_format(format_), zone)


def _parse_iso(text: str, zone: tzinfo | None) -> int:
    text = _TRAILING_UTC.sub("Z", text.strip())
    try:
        return read_instant(text)
    except (ValueError, OverflowError):
        pass
    if _is_bare_date(text):
        raise ValueError(f"{quoted(text)} is a date without a time")
    try:
        local = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{quoted(text)} is not an ISO 8601 date and time; set format to its format") from None
    if local.tzinfo is None and zone is None:
        raise ValueError(f"{quoted(text)} has no offset; set file.zone to its time zone")
    return _with_zone(local, zone)


def _parse_unix(text: str, format_: str) -> int:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError(f"{quoted(text)} is not a number of {format_}")
    exact = _EXACT.multiply(Decimal(text.strip()), Decimal(UNIX_FORMATS[format_]))
    return int(exact.to_integral_value(ROUND_FLOOR))


def _parse_format(text: str, format_: str, zone: tzinfo | None) -> int:
    if "%Z" in _DIRECTIVE.findall(format_):
        return _parse_zone_word(text.strip(), format_, zone)
    try:
        instant = datetime.strptime(text.strip(), format_)  # noqa: DTZ007  the next line sets its zone
        return _with_zone(instant, zone)
    except (ValueError, OverflowError):
        raise _wrong_format(text, format_) from None


def _parse_zone_word(text: str, format_: str, zone: tzinfo | None) -> int:
    """Read a text that names its zone. strptime ignores the name, and accepts those of this machine only."""
    for word in reversed(list(_ZONE_WORD.finditer(text))):
        try:
            with_utc = f"{text[: word.start()]}UTC{text[word.end() :]}"
            instant = datetime.strptime(with_utc, format_)  # noqa: DTZ007  the next line sets its zone
            return _with_zone(instant, None) if instant.tzinfo else _in_named_zone(instant, word.group(), zone)
        except _UnknownZone:
            raise
        except (ValueError, OverflowError):
            continue
    raise _wrong_format(text, format_)


def _wrong_format(text: str, format_: str) -> ValueError:
    return ValueError(f"{quoted(text)} does not have the format {quoted(format_)}")


class _UnknownZone(ValueError):
    """The name of a zone is unknown or ambiguous."""


def _in_named_zone(instant: datetime, word: str, zone: tzinfo | None) -> int:
    """Return the instant of a local time in a zone that a cell names. Raises _UnknownZone if it is not clear which."""
    if utc := _UTC_WORD.fullmatch(word.upper()):
        sign, hours, minutes = utc.groups()
        offset = (int(hours or 0) * 60 + int(minutes or 0)) * 60_000_000
        return _with_zone(instant, ZoneInfo("UTC")) - (-offset if sign == "-" else offset)
    try:
        named = ZoneInfo(word) if "/" in word else None
    except (KeyError, ValueError, OSError):
        named = None
    if named is not None:
        return _with_zone(instant, named)
    # Names such as EST mean different offsets in different countries; file.zone says which one.
    for fold in (0, 1):
        local = instant.replace(tzinfo=zone, fold=fold)
        if zone is not None and local.tzname() == word:
            return microseconds(local)
    raise _UnknownZone(
        f"the zone {quoted(word)} of the cell is not UTC, GMT, Z, an offset or a name such as Europe/Berlin, nor what "
        "file.zone is called at that time"
    )


def _with_zone(instant: datetime, zone: tzinfo | None) -> int:
    """Return an instant in microseconds; `zone` applies if it has no offset.

    When clocks change, an ambiguous time is the first of the two; a skipped one has the offset before the change.
    """
    return microseconds(instant if instant.tzinfo is not None else instant.replace(tzinfo=zone))


def _is_bare_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
