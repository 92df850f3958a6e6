"""The cost of a billing month by day and line (pure).

The cost so far through a day is what a statement of that day would print. A day costs the difference of two such
amounts, so days, windows and months add up to the minor unit.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from talkmeter.billing.plan import FEE, MINIMUM, Charge, PlanContent
from talkmeter.billing.pricing import line_amount
from talkmeter.months import month_days

Quantities = Mapping[str, Mapping[int, int]]
"""Base units by charge id and day; a missing day is zero."""


class MonthCost(NamedTuple):
    """The amounts of a month, in minor units, cumulative: index 0 is before its first day, index n through day n.

    The keys of `lines` are `fee`, the charges in the order of the plan, and `minimum`.
    """

    month: int
    lines: dict[str, list[int]]
    quantities: dict[str, list[int]]
    """Cumulative base units of each charge, with the same indexes."""

    def amount(self, line: str, start: int, end: int) -> int:
        """Return what a line costs from the `start`th day to before the `end`th day of the month (from 0)."""
        return self.lines[line][end] - self.lines[line][start]

    def total(self, start: int, end: int) -> int:
        """Return what all lines cost in these days."""
        return sum(self.amount(line, start, end) for line in self.lines)


def month_cost(plan: PlanContent, month: int, quantities: Quantities, today: int) -> MonthCost:
    """Compute the cost of each day of a month. Days after `today` cost nothing, and their quantities are ignored."""
    days = month_days(month)
    past = max(0, min(len(days), today + 1 - days.start))
    cumulative = {charge.id: _cumulative(quantities.get(charge.id, {}), days, past) for charge in plan.charges}
    charges = {charge.id: _amounts(charge, cumulative[charge.id], len(days), plan.digits) for charge in plan.charges}
    fee = [0] + [plan.fee_minor if past else 0] * len(days)
    minimum = [0] * (len(days) + 1)
    if past == len(days):
        minimum[-1] = max(0, plan.minimum_minor - sum(amounts[-1] for amounts in charges.values()))
    return MonthCost(month, {FEE: fee, **charges, MINIMUM: minimum}, cumulative)


def _cumulative(by_day: Mapping[int, int], days: range, past: int) -> list[int]:
    """Return the sums through each day; days after the past ones add nothing."""
    daily = [by_day.get(day, 0) if index < past else 0 for index, day in enumerate(days)]
    return list(accumulate(daily, initial=0))


def _amounts(charge: Charge, cumulative: Sequence[int], days_in_month: int, digits: int) -> list[int]:
    """Return the printed amount of each cumulative quantity; equal quantities are priced once."""
    prices = {base: line_amount(charge, base, days_in_month, digits) for base in dict.fromkeys(cumulative)}
    return [prices[base] for base in cumulative]


def month_total(plan: PlanContent, month: int, quantities: Mapping[str, int]) -> int:
    """Return what a whole month costs at given quantities, in minor units."""
    days = len(month_days(month))
    lines = sum(line_amount(charge, quantities[charge.id], days, plan.digits) for charge in plan.charges)
    return plan.fee_minor + max(lines, plan.minimum_minor)
