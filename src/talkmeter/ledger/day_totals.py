"""The daily totals of one day: count them from its records, read the stored ones, and rewrite them."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from talkmeter import clock
from talkmeter.counting import (
    BILLED_COUNTERS,
    COUNTERS,
    DAILY_COUNTERS,
    DAILY_DIMENSIONS,
    TOTAL,
    ZERO_TOTAL,
    BilledSeconds,
    Counters,
    DailyTotal,
    DayKey,
    fold,
)
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.errors import Damaged
from talkmeter.ledger.month_totals import rewrite_month
from talkmeter.ledger.rows import decode_state
from talkmeter.ledger.write import total_rows
from talkmeter.months import month_of
from talkmeter.period import MICROSECONDS_PER_DAY
from talkmeter.records import Kind, Record

COUNTED_KINDS: Final = (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)
_daily = tables.usage_daily.c
_RECORDS = {
    kind: Compiled(
        select(*table.c).where(
            table.c.org_id == bindparam("org"),
            table.c.created_at >= bindparam("start"),
            table.c.created_at < bindparam("end"),
        ),
        checked=False,
    )
    for kind in COUNTED_KINDS
    for table in (tables.RECORD_TABLES[kind],)
}
_STORED = Compiled(
    select(_daily.dimension, _daily.day, _daily.value, *(_daily[name] for name in DAILY_COUNTERS)).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("in_dim"),
        _daily.day == bindparam("at_day"),
    ),
    checked=False,
)
_DELETE = Compiled(
    delete(tables.usage_daily).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("in_dim"),
        _daily.day == bindparam("at_day"),
    )
)
_UNFILLED = (None,) * len(BILLED_COUNTERS)
DayTotals = dict[DayKey, DailyTotal]


def count_day(connection: Connection, org_id: str, day: int) -> DayTotals:
    """Return the daily totals of a day's records; a record that cannot be decoded adds nothing."""
    return fold((None, record) for record in _records(_rows(connection, org_id, day)))


def _rows(connection: Connection, org_id: str, day: int) -> Iterator[tuple[Kind, Row]]:
    bounds = (org_id, day * MICROSECONDS_PER_DAY, (day + 1) * MICROSECONDS_PER_DAY)
    for kind, query in _RECORDS.items():
        for row in query.run(connection, bounds):
            yield kind, row


def _records(rows: Iterable[tuple[Kind, Row]]) -> Iterator[Record]:
    for kind, row in rows:
        if (record := readable_record(kind, row)) is not None:
            yield record


def readable_record(kind: Kind, row: Row) -> Record | None:
    """Return the record of a row; None if it is deleted or cannot be decoded."""
    try:
        return decode_state(kind, row).stored
    except Damaged:
        return None


def stored_totals(
    connection: Connection, org_id: str, day: int, billed_if_unfilled: DayTotals | None
) -> dict[DayKey, DailyTotal | None]:
    """Return the stored totals of a day; None for a damaged one.

    A total whose billed durations are not filled yet gets those of `billed_if_unfilled`; without it, it is damaged.
    """
    totals: dict[DayKey, DailyTotal | None] = {}
    for dimension in DAILY_DIMENSIONS:
        for _, _, value, *amounts in _STORED.run(connection, (org_id, dimension, day)):
            key = DayKey(dimension, day, str(value))
            counters, billed = amounts[: len(COUNTERS)], amounts[len(COUNTERS) :]
            if tuple(billed) == _UNFILLED and billed_if_unfilled is not None:
                billed = list(billed_if_unfilled.get(key, ZERO_TOTAL).billed)
            intact = isinstance(value, str) and all(isinstance(amount, int) for amount in (*counters, *billed))
            totals[key] = (
                DailyTotal(Counters(*map(integer, counters)), BilledSeconds(*map(integer, billed))) if intact else None
            )
    return totals


def rewrite_day(connection: Connection, org_id: str, day: int) -> None:
    """Replace a day's totals by those of its records, in a transaction that has locked the organization."""
    for dimension in DAILY_DIMENSIONS:
        _DELETE.change(connection, (org_id, dimension, day))
    totals = {DayKey(TOTAL, day, ""): ZERO_TOTAL, **count_day(connection, org_id, day)}
    insert_rows(connection, tables.usage_daily, total_rows(org_id, totals, clock.now()), OnConflict.REPLACE)
    rewrite_month(connection, org_id, month_of(day))
