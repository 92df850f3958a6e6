"""Finds which thresholds budgets have reached, and stores each crossing once, with its deliveries.

A crossing is stored only if its budget has not changed since its value was read.
"""

import secrets
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sqlalchemy import Connection

from talkmeter.budgets.budget import SILENCE
from talkmeter.budgets.messages import crossing_message
from talkmeter.budgets.periods import LONGEST_PERIOD, PAST_DAYS, evaluated_periods
from talkmeter.budgets.store import Crossing, StoredBudget, insert_crossing, lock_versions, read_budgets, read_crossings
from talkmeter.budgets.values import PricedMonths, read_values
from talkmeter.errors import NotPrepared
from talkmeter.notify.deliveries import add_deliveries
from talkmeter.period import Present, day_of

MESSAGE_ID_BYTES: Final = 16


class Found(NamedTuple):
    """A crossing, and its budget as it was read."""

    stored: StoredBudget
    crossing: Crossing
    percent: str


class Evaluation(NamedTuple):
    """The crossings of an organization that are not stored yet.

    `depends_on_time`: more can be found later although nothing changes, by silence or when costs are prepared.
    """

    crossings: list[Found]
    depends_on_time: bool


def find_crossings(connection: Connection, org_id: str, present: Present) -> Evaluation:
    """Evaluate the budgets of an organization; the connection must be in one snapshot."""
    budgets = [stored for stored in read_budgets(connection, org_id).values() if stored.budget.enabled]
    first_day = present.today - PAST_DAYS - LONGEST_PERIOD
    known = {crossing.key for crossing in read_crossings(connection, org_id, first_day)} if budgets else set()
    found: list[Found] = []
    depends_on_time = any(stored.budget.metric == SILENCE for stored in budgets)
    priced: PricedMonths = {}
    for stored in budgets:
        try:
            reached = _reached(connection, org_id, stored, present, priced)
            found += [one for one in reached if one.crossing.key not in known]
        except NotPrepared:
            depends_on_time = True
    return Evaluation(found, depends_on_time)


def _reached(
    connection: Connection, org_id: str, stored: StoredBudget, present: Present, priced: PricedMonths
) -> Iterator[Found]:
    periods = evaluated_periods(stored.budget.period, day_of(stored.changed_at), present.today)
    readings = read_values(connection, org_id, stored.budget, periods, present, priced)
    for period, reading in zip(periods, readings, strict=True):
        if reading is None or not reading.value:
            continue
        for threshold in stored.budget.thresholds:
            if reading.reaches(threshold):
                message = f"msg_{secrets.token_hex(MESSAGE_ID_BYTES)}"
                texts = reading.value_text, reading.limit_text
                crossing = Crossing(stored.id, period.start, period.stop, threshold, message, present.now, *texts)
                yield Found(stored, crossing, reading.percent)


def store_crossings(connection: Connection, org_id: str, found: Iterable[Found]) -> list[Found]:
    """Store crossings and what is to be delivered of them in a write transaction; return those that were new."""
    versions = lock_versions(connection, org_id)
    new = [
        one
        for one in found
        if versions.get(one.stored.id) == one.stored.etag
        if insert_crossing(connection, org_id, one.crossing)
    ]
    for one in new:
        budget, crossing = one.stored.budget, one.crossing
        message = crossing_message(org_id, budget, crossing, one.percent)
        add_deliveries(connection, org_id, crossing.message_id, message, budget.webhooks, budget.emails, crossing.at)
    return new
