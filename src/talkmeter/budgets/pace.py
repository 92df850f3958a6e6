"""Where a budget is heading: its value at the end of the period, and the day on which it reaches 100 %.

Days to come are expected as in the forecast of the month (`billing/forecast.py`). Costs are priced with these expected
quantities. Silence, items of the inventory, and costs of a day or a week have no pace.
"""

from itertools import accumulate
from typing import NamedTuple

from sqlalchemy import Connection

from talkmeter.billing.forecast import HISTORY_DAYS, expected_days
from talkmeter.billing.month_cost import month_cost
from talkmeter.billing.quantities import first_usage_day, read_quantities
from talkmeter.budgets.budget import COUNTED, SILENCE, Budget
from talkmeter.budgets.values import (
    Part,
    PricedMonths,
    Reading,
    counted_reading,
    price,
    priced_reading,
    read_counted_days,
)
from talkmeter.months import month_days, month_of
from talkmeter.period import Present


class Pace(NamedTuple):
    """The expected reading of the whole period, and the day since 1970 that reaches the limit; None: not in it."""

    reading: Reading
    reached_on: int | None


def read_pace(
    connection: Connection, org_id: str, budget: Budget, period: range, present: Present, priced: PricedMonths
) -> Pace | None:
    """Return the pace of a budget in the current period; None if there is none, or fewer than 3 complete days.

    Budgets of one snapshot share `priced`.
    """
    first_day = first_usage_day(connection, org_id)
    if budget.metric not in COUNTED:
        of_month = budget.metric != SILENCE and budget.period == "month"
        return _of_costs(connection, org_id, budget, first_day, present, priced) if of_month else None
    days = range(min(period.start, present.today - HISTORY_DAYS), period.stop)
    daily = read_counted_days(connection, org_id, budget, days)
    expected = expected_days(daily, range(present.today, period.stop), first_day)
    if expected is None:
        return None
    complete = sum(daily.get(day, 0) for day in range(period.start, present.today))
    through = [complete + later for later in accumulate(expected)]
    return _pace([counted_reading(budget, base) for base in through], present.today)


def _of_costs(
    connection: Connection,
    org_id: str,
    budget: Budget,
    first_day: int | None,
    present: Present,
    priced: PricedMonths,
) -> Pace | None:
    today, month = present.today, month_of(present.today)
    price(connection, org_id, [month], present, priced)
    if (version := priced[month].version) is None:
        return None
    plan, left = version.content, range(today, month_days(month).stop)
    days = range(min(left.start - HISTORY_DAYS, month_days(month).start), today + 1)
    quantities = read_quantities(connection, org_id, plan.charges, days)
    filled = {}
    for charge in plan.charges:
        daily = quantities[charge.id]
        is_constant = charge.priced.items is not None
        expected = [daily.get(today, 0)] * len(left) if is_constant else expected_days(daily, left, first_day)
        if expected is None:
            return None
        filled[charge.id] = {**daily, **dict(zip(left, expected, strict=True))}
    whole = priced[month]._replace(cost=month_cost(plan, month, filled, left.stop - 1))
    readings = [priced_reading(budget, [Part(whole, 0, day + 1 - month_days(month).start)]) for day in left]
    known = [reading for reading in readings if reading is not None]
    return _pace(known, today) if len(known) == len(readings) else None


def _pace(readings: list[Reading], today: int) -> Pace:
    """Return the pace from the expected readings through today and through each later day."""
    reached = next((today + later for later, reading in enumerate(readings) if reading.reaches(100)), None)
    return Pace(readings[-1], reached)
