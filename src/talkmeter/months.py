"""Calendar months, as integers: months since the year 0 (UTC). Days are integer days since 1970."""

import re
from datetime import date, timedelta
from typing import Final

from talkmeter.errors import Unprocessable, quoted

_MONTH: Final = re.compile("[0-9]{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_EPOCH: Final = date(1970, 1, 1)
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2099


def month_of(day: int) -> int:
    """Return the month of a day."""
    at = _EPOCH + timedelta(days=day)
    return at.year * 12 + at.month - 1


def first_day(month: int) -> int:
    """Return the first day of a month."""
    return (date(month // 12, month % 12 + 1, 1) - _EPOCH).days


def month_days(month: int) -> range:
    """Return the days of a month."""
    return range(first_day(month), first_day(month + 1))


def format_month(month: int) -> str:
    """Write a month as YYYY-MM."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def is_month(text: str) -> bool:
    """Return whether a text is a month from 1970-01 to 2099-12."""
    return _MONTH.fullmatch(text) is not None and FIRST_YEAR <= int(text[:4]) <= LAST_YEAR


def parse_month(text: str) -> int:
    """Return the month of a text that `is_month`."""
    return int(text[:4]) * 12 + int(text[5:]) - 1


def read_month(name: str, text: str) -> int:
    """Parse a month, YYYY-MM. Raises Unprocessable if it is invalid or not from 1970 to 2099."""
    if not is_month(text):
        raise Unprocessable(f"'{name}' must be a month from 1970-01 to 2099-12 such as 2026-11, not {quoted(text)}.")
    return parse_month(text)
