"""Finds which thresholds budgets have reached, and stores each crossing once.

A crossing is stored only if its budget has not changed since its value was read.
"""

import secrets
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection

from talkmeter.budgets.periods import PAST_DAYS, evaluated_periods
from talkmeter.budgets.store import Crossing, StoredBudget, insert_crossing, read_budgets, read_crossings
from talkmeter.budgets.values import read_values
from talkmeter.period import Present

_LONGEST_PERIOD: Final = 31
MESSAGE_ID_BYTES: Final = 16


def find_crossings(connection: Connection, org_id: str, present: Present) -> list[tuple[StoredBudget, Crossing]]:
    """Return the crossings of an organization's budgets that are not stored yet; the connection is in one snapshot."""
    budgets = read_budgets(connection, org_id)
    if not budgets:
        return []
    known = {crossing.key for crossing in read_crossings(connection, org_id, _first_day(present))}
    return [
        (stored, crossing)
        for stored in budgets.values()
        if stored.budget.enabled
        for crossing in _reached(connection, org_id, stored, present)
        if crossing.key not in known
    ]


def _first_day(present: Present) -> int:
    return present.today - PAST_DAYS - _LONGEST_PERIOD


def _reached(connection: Connection, org_id: str, stored: StoredBudget, present: Present) -> Iterator[Crossing]:
    periods = evaluated_periods(stored.budget.period, present.today)
    readings = read_values(connection, org_id, stored.budget, periods, present)
    for period, reading in zip(periods, readings, strict=True):
        for threshold in stored.budget.thresholds:
            if reading is not None and reading.reaches(threshold):
                message = f"msg_{secrets.token_hex(MESSAGE_ID_BYTES)}"
                texts = reading.value_text, reading.limit_text
                yield Crossing(stored.id, period.start, period.stop, threshold, message, present.now, *texts)


def store_crossings(
    connection: Connection, org_id: str, found: Iterable[tuple[StoredBudget, Crossing]]
) -> list[tuple[StoredBudget, Crossing]]:
    """Store crossings in a write transaction; return those that were new."""
    budgets = read_budgets(connection, org_id)
    return [
        (stored, crossing)
        for stored, crossing in found
        if (now := budgets.get(stored.id)) is not None and now.etag == stored.etag
        if insert_crossing(connection, org_id, crossing)
    ]
