"""Reads what charges price, in base units by day: counters of the daily totals, and item-days of the inventory.

A day's total of one value is one key of the table, so the cost of reading does not grow with calls or other values.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from sqlalchemy import Connection, bindparam, func, select

from talkmeter.billing.plan import Charge, billed_counter
from talkmeter.counting import DAILY_COUNTERS, TOTAL
from talkmeter.db import inventory_tables, tables
from talkmeter.db.json_rows import JsonRows
from talkmeter.db.statements import Compiled, integer
from talkmeter.errors import NotPrepared
from talkmeter.ledger.billed_durations import billed_durations_filled
from talkmeter.usage.inventory_days import ItemDays, read_counted_from, read_inventory_days

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

_item_day = inventory_tables.inventory_day.c
_FIRST_ITEM: Final = Compiled(select(func.min(_item_day.day)).where(_item_day.org_id == bindparam("org")))
_ANY_ITEM: Final = Compiled(
    select(tables.inventory_item.c.id).where(tables.inventory_item.c.org_id == bindparam("org")).limit(1)
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
    for charge in charges:
        if charge.priced.items is not None:
            items = read_item_days(connection, org_id, charge, days)
            quantities[charge.id] = Counter(chain.from_iterable(chain.from_iterable(items.values())))
    return quantities


def read_item_days(connection: Connection, org_id: str, charge: Charge, days: Sequence[int]) -> ItemDays:
    """Return the days on which each item counts that a charge of the inventory prices."""
    meter = charge.priced
    if meter.items is None or not days:
        return {}
    return read_inventory_days(connection, org_id, meter.items, days[0], days[-1], shared=meter.shared_only)


def first_usage_day(connection: Connection, org_id: str) -> int | None:
    """Return the organization's first day with usage."""
    [(day,)] = _FIRST.run(connection, (org_id,))
    return None if day is None else integer(day)


def first_day_with_anything(connection: Connection, org_id: str) -> int | None:
    """Return the organization's first day with usage or with a counted item of the inventory."""
    days = [first_usage_day(connection, org_id)]
    days += [None if day is None else integer(day) for (day,) in _FIRST_ITEM.run(connection, (org_id,))]
    if (counted_from := read_counted_from(connection)) is not None and _ANY_ITEM.run(connection, (org_id,)):
        days.append(counted_from)
    return min((day for day in days if day is not None), default=None)
