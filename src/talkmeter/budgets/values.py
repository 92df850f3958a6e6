"""What a budget's metric is in periods, from the daily totals and the costs that the page shows."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

from sqlalchemy import Connection

from talkmeter.billing.money import format_amount, format_decimal, read_decimal, round_half_up
from talkmeter.billing.plan import Charge, PlanContent
from talkmeter.billing.priced_months import CostsQuery, PricedMonth, price_months
from talkmeter.billing.statement_store import read_statements
from talkmeter.budgets.budget import COST, COUNTED, INCLUDED, SILENCE, Budget
from talkmeter.budgets.silence import silent_hours
from talkmeter.errors import Unprocessable
from talkmeter.months import first_day, month_days, month_of
from talkmeter.period import MICROSECONDS_PER_DAY, Present, Window
from talkmeter.usage.filters import Filter, matching_days

_MILLISECONDS_PER_MINUTE: Final = 60_000
_PERCENT: Final = 100

PricedMonths = dict[int, PricedMonth]
"""The whole months that were priced, by number."""


class Reading(NamedTuple):
    """The value of a budget in a period and its limit, exact and as they are written."""

    value: Fraction
    limit: Fraction
    value_text: str
    limit_text: str

    @property
    def percent(self) -> str:
        """The value in percent of the limit, with one digit after the point, rounded down."""
        tenths = int(self.value * _PERCENT * 10 // self.limit)
        return format_amount(tenths, 1)

    def reaches(self, threshold: int) -> bool:
        """Return whether the value is at least so many percent of the limit."""
        return self.value * _PERCENT >= self.limit * threshold


def read_values(
    connection: Connection,
    org_id: str,
    budget: Budget,
    periods: Sequence[range],
    present: Present,
    priced: PricedMonths,
) -> list[Reading | None]:
    """Return the reading of each period; None if the plan of the period does not give the value or the limit.

    Budgets of one snapshot share `priced`, so that each month is priced once. Raises NotPrepared while costs of older
    usage are being prepared.
    """
    if budget.metric in COUNTED:
        daily = read_counted_days(connection, org_id, budget, range(periods[0].start, periods[-1].stop))
        return [counted_reading(budget, sum(daily.get(day, 0) for day in period)) for period in periods]
    if budget.metric == SILENCE:
        hours = silent_hours(connection, org_id, int(read_decimal(budget.limit)), present)
        reading = None if hours is None else _reading(Fraction(hours), str(hours), budget.limit)
        return [reading if present.today in period else None for period in periods]
    months = range(month_of(periods[0].start), month_of(periods[-1].stop - 1) + 1)
    price(connection, org_id, months, present, priced)
    return [priced_reading(budget, _parts(priced, period)) for period in periods]


def _reading(value: Fraction, text: str, limit: str) -> Reading:
    return Reading(value, read_decimal(limit), text, limit)


def read_counted_days(connection: Connection, org_id: str, budget: Budget, days: range) -> dict[int, int]:
    """Return the counter of a budget of calls, minutes or runs by day; a missing day is zero."""
    filter_ = budget.value_filter
    records = Filter(budget.kind) if filter_ is None else filter_.records
    window = Window(days.start * MICROSECONDS_PER_DAY, days.stop * MICROSECONDS_PER_DAY)
    totals = matching_days(connection, org_id, window, records)
    return {day: getattr(counters, COUNTED[budget.metric]) for day, counters in totals.items()}


def counted_reading(budget: Budget, amount: int) -> Reading:
    """Return the reading of a counter's amount."""
    if not COUNTED[budget.metric].endswith("_ms"):
        return _reading(Fraction(amount), str(amount), budget.limit)
    minutes = Fraction(amount, _MILLISECONDS_PER_MINUTE)
    # Rounded as in every other answer.
    return _reading(minutes, format_amount(round_half_up(minutes * _PERCENT), 2), budget.limit)


def price(connection: Connection, org_id: str, months: Sequence[int], present: Present, priced: PricedMonths) -> None:
    """Add those of consecutive months to `priced` that are not in it yet."""
    missing = [month for month in months if month not in priced]
    if not missing:
        return
    statements = read_statements(connection, org_id, missing[0], missing[-1])
    for month in missing:
        # Each month alone, because two months can have different currencies.
        days = month_days(month)
        query = CostsQuery(org_id, days.start, days.stop, present)
        [priced[month]] = price_months(connection, query, statements)


class Part(NamedTuple):
    """The days [start, end) of a month, from 0, that are in a period."""

    month: PricedMonth
    start: int
    end: int


def _parts(priced: PricedMonths, period: range) -> list[Part]:
    parts = []
    for month in range(month_of(period.start), month_of(period.stop - 1) + 1):
        first = first_day(month)
        end = min(period.stop, month_days(month).stop)
        parts.append(Part(priced[month], max(period.start, first) - first, end - first))
    return parts


def _plans(parts: Iterable[Part]) -> list[PlanContent] | None:
    """Return the plans of the parts, or None if a part has no plan."""
    versions = [part.month.version for part in parts]
    plans = [version.content for version in versions if version is not None]
    return plans if len(plans) == len(versions) else None


def priced_reading(budget: Budget, parts: Sequence[Part]) -> Reading | None:
    """Return the reading of a budget of cost or of a charge; None if a plan does not give it."""
    return _cost(budget, parts) if budget.charge is None else _quantity(budget, parts)


def _cost(budget: Budget, parts: Sequence[Part]) -> Reading | None:
    plans = _plans(parts)
    if plans is None or len({plan.currency for plan in plans}) != 1:
        return None
    digits = plans[0].digits
    minor = sum(part.month.cost.total(part.start, part.end) for part in parts if part.month.cost is not None)
    return _reading(Fraction(minor, 10**digits), format_amount(minor, digits), budget.limit)


def _quantity(budget: Budget, parts: Sequence[Part]) -> Reading | None:
    charges = [charge_of(plan, budget) for plan in _plans(parts) or ()]
    if len(charges) != len(parts):
        return None
    value = Fraction(0)
    for part, charge in zip(parts, charges, strict=True):
        if charge is None or part.month.cost is None:
            return None
        quantities = part.month.cost.quantities[charge.id]
        base = quantities[part.end] - quantities[part.start]
        value += base * charge.units_per_base(len(month_days(part.month.month)))
    limit = included_of(charges[0]) if budget.limit == INCLUDED else budget.limit
    return None if limit is None else _reading(value, format_decimal(value), limit)


def charge_of(plan: PlanContent, budget: Budget) -> Charge | None:
    """Return the charge of a plan that a budget names."""
    return next((charge for charge in plan.charges if charge.id == budget.charge), None)


def included_of(charge: Charge | None) -> str | None:
    """Return what a charge includes; None if that is nothing."""
    return None if charge is None or not read_decimal(charge.included) else charge.included


def require_measurable(connection: Connection, org_id: str, budget: Budget, present: Present) -> None:
    """Raise Unprocessable if the plan of the current month does not give the budget's value or its limit."""
    if budget.metric in COUNTED or budget.metric == SILENCE:
        return
    month = month_of(present.today)
    query = CostsQuery(org_id, first_day(month), present.today + 1, present)
    [priced] = price_months(connection, query, read_statements(connection, org_id, month, month))
    if priced.version is None:
        raise Unprocessable("The organization has no plan in this month, so its costs cannot have a budget.")
    if budget.metric == COST:
        return
    charge = charge_of(priced.version.content, budget)
    if charge is None:
        charges = ", ".join(charge.id for charge in priced.version.content.charges) or "no charges"
        raise Unprocessable(f"The plan of this month has no charge '{budget.charge}'; it has {charges}.")
    if charge.priced.items is not None and budget.period != "month":
        raise Unprocessable(f"The charge '{charge.id}' is of items, so its period must be 'month'.")
    if budget.limit == INCLUDED and included_of(charge) is None:
        missing = f"The plan of this month has no included quantity for '{charge.id}'"
        raise Unprocessable(f"{missing}, so the limit cannot be 'included'.")
