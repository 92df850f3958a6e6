"""Reads what charges price, in base units by day: counters of the daily totals, and item-days of the inventory.

A day's total of one value is one key of the table, so the cost of reading does not grow with calls or other values.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from talkmeter.billing.plan import Charge, billed_counter
from talkmeter.counting import DAILY_COUNTERS, TOTAL
from talkmeter.db import tables
from talkmeter.db.json_rows import JsonRows
from talkmeter.db.statements import Compiled, integer
from talkmeter.errors import NotPrepared
from talkmeter.ledger.billed_durations import billed_durations_filled

MILLISECONDS_PER_SECOND: Final = 1_000
_daily = tables.usage_daily.c
_DAYS: Final = JsonRows(
    select(_daily.day, *(_daily[counter] for counter in DAILY_COUNTERS)).where(
        _daily.org_id == bindparam("org"),
        _daily.dimension == bindparam("dimension"),
        _daily.value == bindparam("value"),
        _daily.day.in_(bindparam("days", expanding=True)),
    )
)
_FIRST: Final = Compiled(
    select(func.min(_daily.day)).where(
        _daily.org_id == bindparam("org"), _daily.dimension == TOTAL, (_daily.calls > 0) | (_daily.runs > 0)
    )
)

DailyQuantities = dict[int, int]
"""Base units by day; a missing day is zero."""


def counter_of(charge: Charge) -> tuple[str, int]:
    """Return the counter that a charge of calls or runs prices, and how many base units one of it is."""
    billed = billed_counter(charge.per_call)
    return (charge.priced.counter or "", 1) if billed is None else (billed, MILLISECONDS_PER_SECOND)


def read_quantities(
    connection: Connection, org_id: str, charges: Iterable[Charge], days: Sequence[int]
) -> dict[str, DailyQuantities]:
    """Return the base units of each charge, by charge id and day.

    Raises NotPrepared if a charge needs billed durations and those of an older version's usage are not filled yet.
    """
    charges = list(charges)
    if any(billed_counter(charge.per_call) for charge in charges) and not billed_durations_filled(connection):
        raise NotPrepared(
            "Billed durations of usage that an older version stored are being computed; costs per call follow. "
            "Retry in a minute."
        )
    sources: dict[tuple[str, str], list[Charge]] = {}
    for charge in charges:
        if charge.priced.items is None:
            sources.setdefault(charge.condition or (TOTAL, ""), []).append(charge)
    quantities: dict[str, DailyQuantities] = {}
    for source, of_source in sources.items():
        rows = list(_DAYS.run_in(connection, (org_id, *source), days)) if days else []
        for charge in of_source:
            counter, size = counter_of(charge)
            column = DAILY_COUNTERS.index(counter) + 1
            quantities[charge.id] = {integer(row[0]): integer(row[column]) * size for row in rows}
    return quantities


def first_usage_day(connection: Connection, org_id: str) -> int | None:
    """Return the organization's first day with usage."""
    [(day,)] = _FIRST.run(connection, (org_id,))
    return None if day is None else integer(day)
