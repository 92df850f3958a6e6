"""The monthly totals: the sum of an organization's `total` days, written in the same transaction as the days.

A list of all organizations reads one row for each of them, however many days, records and dimensions they have.
"""

from collections.abc import Iterable, Sequence
from operator import add
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from talkmeter.counting import COUNTERS, TOTAL, ZERO, Counters
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer, text
from talkmeter.months import LAST_YEAR, first_day, month_of

_daily = tables.usage_daily.c
_monthly = tables.usage_monthly.c
_LAST_DAY: Final = first_day((LAST_YEAR + 1) * 12)
_DAYS = Compiled(
    select(_daily.day, *(_daily[name] for name in COUNTERS)).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("in_dim"),
        _daily.day >= bindparam("first"),
        _daily.day < bindparam("end"),
    ),
    checked=False,
)
_MONTHS = Compiled(
    select(_monthly.month, *(_monthly[name] for name in COUNTERS)).where(_monthly.org_id == bindparam("org")),
    checked=False,
)
_COUNTERS: Final = slice(4, 4 + len(COUNTERS))
"""The counters in a row of `usage_daily`."""
Months = dict[int, Counters | None]
"""Totals by month; None: damaged."""


class WrongMonth(NamedTuple):
    """A month whose stored total is not the sum of its days; None: damaged."""

    month: int
    stored: Counters | None
    summed: Counters | None


def add_totals(connection: Connection, rows: Sequence[Row]) -> None:
    """Add sorted rows of `usage_daily` to the stored daily totals, and their `total` days to the monthly totals."""
    insert_rows(connection, tables.usage_daily, rows, OnConflict.ADD)
    insert_rows(connection, tables.usage_monthly, month_rows(rows), OnConflict.ADD)


def subtract_from_months(connection: Connection, rows: Iterable[Row]) -> None:
    """Subtract deleted rows of `usage_daily` from the monthly totals."""
    subtracted: list[Row] = [
        (month, org_id, *(-integer(amount) for amount in amounts)) for month, org_id, *amounts in month_rows(rows)
    ]
    insert_rows(connection, tables.usage_monthly, subtracted, OnConflict.ADD)


def month_rows(rows: Iterable[Row]) -> list[Row]:
    """Return sorted rows of `usage_monthly`: the sums of those rows of `usage_daily` that are `total` days."""
    sums: dict[tuple[int, str], Counters] = {}
    for row in rows:
        if row[1] == TOTAL and any(counters := row[_COUNTERS]):
            key = (month_of(integer(row[2])), text(row[0]))
            sums[key] = _plus(sums.get(key, ZERO), map(integer, counters))
    return [(*key, *counters) for key, counters in sorted(sums.items())]


def rewrite_month(connection: Connection, org_id: str, month: int) -> None:
    """Replace a month's total by the sum of its days, in a transaction that has locked the organization.

    A month with a damaged day keeps its total.
    """
    summed = _by_month(_DAYS.run(connection, (org_id, TOTAL, first_day(month), first_day(month + 1)))).get(month, ZERO)
    if summed is not None:
        insert_rows(connection, tables.usage_monthly, [(month, org_id, *summed)], OnConflict.REPLACE)


def find_wrong_months(connection: Connection, org_id: str) -> list[WrongMonth]:
    """Return the months of an organization whose total is not the sum of its days, or cannot be verified."""
    summed = _by_month(_DAYS.run(connection, (org_id, TOTAL, 0, _LAST_DAY)))
    stored: Months = {int(month): _counters(amounts) for month, *amounts in _MONTHS.run(connection, (org_id,))}  # type: ignore[arg-type]  # part of the key
    return [
        WrongMonth(month, stored.get(month, ZERO), summed.get(month, ZERO))
        for month in sorted(summed.keys() | stored.keys())
        if stored.get(month, ZERO) != summed.get(month, ZERO) or summed.get(month, ZERO) is None
    ]


def _by_month(days: Iterable[Row]) -> Months:
    months: Months = {}
    for day, *amounts in days:
        month = month_of(int(day))  # type: ignore[arg-type]  # the query compares it with numbers
        counters, known = _counters(amounts), months.get(month, ZERO)
        if counters is None or known is None:
            months[month] = None
        else:
            months[month] = _plus(known, counters)
    return months


def _plus(counters: Counters, amounts: Iterable[int]) -> Counters:
    return Counters(*map(add, counters, amounts))


def _counters(amounts: Iterable[object]) -> Counters | None:
    numbers = [amount for amount in amounts if isinstance(amount, int)]
    return Counters(*numbers) if len(numbers) == len(COUNTERS) else None
