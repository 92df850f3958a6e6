"""Parses and formats instants, days and windows: from/to -> a half-open UTC window [start, end) in microseconds.

A window is at most 366 days long; `to` is after `from` (docs/reference/counting.md, "The window").
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from talkmeter.errors import Damaged, Unprocessable, quoted

InstantText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""What `format_instant` returns, as the type of a field of a response."""

DayText = Annotated[str, Meta(extra_json_schema={"format": "date"})]
"""What `format_day` returns, as the type of a field of a response."""

MICROSECONDS_PER_HOUR: Final = 3_600_000_000
MICROSECONDS_PER_DAY: Final = 86_400_000_000
EARLIEST_INSTANT: Final = 0
LATEST_INSTANT: Final = 4_102_444_800_000_000
"""Instants lie in [1970-01-01, 2100-01-01), in microseconds (docs/reference/counting.md)."""

MAX_WINDOW_DAYS: Final = 366
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WITHOUT_OFFSET: Final = _EPOCH.replace(tzinfo=None)
_EPOCH_DATE: Final = date(1970, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)
_DAY: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR: Final = "(?:[01][0-9]|2[0-3])"
_SIXTY: Final = "[0-5][0-9]"
_RFC3339: Final = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[Tt ]{_HOUR}:{_SIXTY}:{_SIXTY}(?:\.[0-9]+)?(?:[Zz]|[+-]{_HOUR}:{_SIXTY})"
)
_ISO_8601: Final = re.compile(
    r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}"
    rf"(?:[Tt ]{_HOUR}(?::?{_SIXTY}(?::?{_SIXTY}(?:[.,][0-9]+)?)?)?(?:[Zz]|[+-]{_HOUR}(?::?{_SIXTY})?)?)?"
)
_SPACE_FOR_PLUS: Final = re.compile(r" (?=[0-9]{2}:?(?:[0-9]{2})?$)")


def day_of(instant: int) -> int:
    """Return the UTC day of an instant, in days since 1970; a call is never split at midnight."""
    return instant // MICROSECONDS_PER_DAY


class Window(NamedTuple):
    """A time range [start, end), in microseconds since 1970."""

    start: int
    end: int

    @property
    def days(self) -> range:
        """Every UTC day that overlaps the window, in days since 1970."""
        return range(day_of(self.start), day_of(self.end - 1) + 1)


class Present(NamedTuple):
    """The time at which a query is answered, in microseconds."""

    now: int
    stale_before: int
    """Live conversations are stale if their latest event is older than this."""

    @property
    def stale_hours(self) -> int:
        """The hours without an event after which a live conversation is stale."""
        return (self.now - self.stale_before) // MICROSECONDS_PER_HOUR

    @property
    def today(self) -> int:
        """The current UTC day, in days since 1970."""
        return day_of(self.now)


def present(now: int, stale_hours: int) -> Present:
    """Return the time of a query and its limit for stale conversations."""
    return Present(now, now - stale_hours * MICROSECONDS_PER_HOUR)


class Piece(NamedTuple):
    """A part of a day to read from records, and to add to (sign 1) or subtract from (sign -1) the daily totals."""

    sign: int
    start: int
    end: int


def microseconds(instant: datetime) -> int:
    """Convert an aware datetime to microseconds since 1970."""
    return (instant - _EPOCH) // _MICROSECOND


def read_instant(text: str) -> int:
    """Parse an RFC 3339 instant to microseconds since 1970, without finer digits. Raises ValueError if it is invalid.

    The offset is required, since the instant is ambiguous without it (CloudEvents 1.0, "time").
    """
    if _RFC3339.fullmatch(text) is None:
        message = "not an RFC 3339 date and time with an offset"
        raise ValueError(message)
    return microseconds(datetime.fromisoformat(text.upper()))


def within_range(instant: int) -> bool:
    """Return whether an instant is between 1970-01-01 and 2099-12-31 (docs/reference/counting.md)."""
    return EARLIEST_INSTANT <= instant < LATEST_INSTANT


@lru_cache(maxsize=4_096)
def format_instant(instant: int) -> InstantText:
    """Format microseconds since 1970 as ISO 8601 in UTC with `Z`; the fraction is omitted if it is zero.

    Raises Damaged if it is not in the years 1 to 9999.
    """
    # Hot path, once per day of a summary: formatting a naive datetime takes half the time.
    try:
        return (_EPOCH_WITHOUT_OFFSET + timedelta(0, 0, instant)).isoformat() + "Z"
    except OverflowError:
        # Instants of requests are checked when they are read.
        raise Damaged("a stored time", f"A stored time is damaged: {instant} microseconds since 1970.") from None


@lru_cache(maxsize=4_096)
def format_day(day: int) -> DayText:
    """Format days since 1970 as YYYY-MM-DD. Raises Damaged if it is not in the years 1 to 9999."""
    try:
        return (_EPOCH_DATE + timedelta(days=day)).isoformat()
    except OverflowError:
        raise Damaged("a stored day", f"A stored day is damaged: {day} days since 1970.") from None


def read_day(name: str, text: str) -> int:
    """Parse a UTC day, YYYY-MM-DD, to days since 1970. Raises Unprocessable if it is invalid or out of range."""
    try:
        day = (date.fromisoformat(text if _DAY.fullmatch(text) else "") - _EPOCH_DATE).days
    except ValueError:
        raise Unprocessable(f"'{name}' must be a day such as 2026-11-01, not {quoted(text)}.") from None
    if not within_range(day * MICROSECONDS_PER_DAY):
        raise Unprocessable(f"'{name}' must be between 1970-01-01 and 2099-12-31, not {quoted(text)}.")
    return day


def month_to_date(now: int) -> Window:
    """Return the window from the 1st of this month through today, in UTC."""
    today = day_of(now)
    first = today - (_EPOCH_DATE + timedelta(days=today)).day + 1
    return Window(first * MICROSECONDS_PER_DAY, (today + 1) * MICROSECONDS_PER_DAY)


def months_of(start: int, end: int) -> list[Window]:
    """Return every calendar month that overlaps [start, end)."""
    months: list[Window] = []
    first = month_to_date(start).start
    while first < end:
        # A month has at most 31 days, so 32 days after its first is in the next month.
        following = month_to_date(first + 32 * MICROSECONDS_PER_DAY).start
        months.append(Window(first, following))
        first = following
    return months


def read_window(from_: str | None, to: str | None, now: int) -> Window:
    """Return the window of a query, month to date if both are missing. Raises Unprocessable if it is not allowed."""
    if from_ is None and to is None:
        return month_to_date(now)
    if from_ is None or to is None:
        missing, given = ("from", "to") if from_ is None else ("to", "from")
        message = (
            f"'{missing}' is missing: give both 'from' and 'to', or neither for month to date ('{given}' was given)."
        )
        raise Unprocessable(message)
    window = Window(read_bound("from", from_), read_bound("to", to))
    if window.end <= window.start:
        message = (
            f"'to' must be after 'from', but {format_instant(window.end)} is not after {format_instant(window.start)}."
        )
        raise Unprocessable(message)
    if window.end - window.start > MAX_WINDOW_DAYS * MICROSECONDS_PER_DAY:
        bounds = f"from {format_instant(window.start)} to {format_instant(window.end)}"
        raise Unprocessable(f"The range {bounds} is longer than {MAX_WINDOW_DAYS} days.")
    return window


@lru_cache(64)
def read_bound(name: str, text: str) -> int:
    """Parse a bound of a window: an ISO 8601 date (its midnight) or date-time, in UTC if it has no offset.

    If a client forgot to escape the `+` of an offset, it arrives as a space; it is read as `+`.
    """
    try:
        match = _ISO_8601.fullmatch(_SPACE_FOR_PLUS.sub("+", text.strip(), count=1))
        parsed = datetime.fromisoformat(match.group().upper() if match else "")
        instant = microseconds(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        allowed = "an ISO 8601 date or date-time such as 2026-11-01 or 2026-11-01T00:00:00Z"
        raise Unprocessable(f"'{name}' must be {allowed}, not {quoted(text)}.") from None
    if not EARLIEST_INSTANT <= instant <= LATEST_INSTANT:
        message = f"'{name}' must be between 1970-01-01 and 2100-01-01, not {quoted(text)}."
        raise Unprocessable(message)
    return instant


def pieces_of(window: Window) -> tuple[range, tuple[Piece, ...]]:
    """Return the days whose totals to add, and the parts of days to scan, that together make up a window.

    A partial day longer than 12 hours is the day's total minus the rest. So each scan covers at most 12 hours; a window
    inside one day may need two scans, before and after it.
    """
    first, last = window.days[0], window.days[-1]
    pieces_by_day = {day: _day_pieces(day, window) for day in {first, last}}
    full_days = [day for day in (first, last) if not any(piece.sign > 0 for piece in pieces_by_day[day])]
    pieces = tuple(piece for day in sorted(pieces_by_day) for piece in pieces_by_day[day])
    if first == last:
        return (range(first, first + 1) if full_days else range(first, first)), pieces
    return range(first if first in full_days else first + 1, (last if last in full_days else last - 1) + 1), pieces


def _day_pieces(day: int, window: Window) -> tuple[Piece, ...]:
    """Return the scans that one day of the window needs; empty if the window contains the full day."""
    midnight, next_midnight = day * MICROSECONDS_PER_DAY, (day + 1) * MICROSECONDS_PER_DAY
    start, end = max(window.start, midnight), min(window.end, next_midnight)
    if end - start <= MICROSECONDS_PER_DAY // 2:
        return (Piece(1, start, end),)
    excluded = (Piece(-1, midnight, start), Piece(-1, end, next_midnight))
    return tuple(piece for piece in excluded if piece.end > piece.start)
