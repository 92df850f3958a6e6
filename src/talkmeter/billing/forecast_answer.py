"""The forecast of the current month: of each meter, of each charge of the plan, and of the cost."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.billing.forecast import (
    HISTORY_DAYS,
    MIN_HISTORY_DAYS,
    Method,
    Projection,
    history_of,
    mean_error,
    project,
    project_constant,
    relative_error,
    same_day_earlier,
)
from talkmeter.billing.money import format_amount, format_decimal
from talkmeter.billing.month_cost import month_cost, month_total
from talkmeter.billing.month_plans import versions_of_months
from talkmeter.billing.plan import METERS, AmountText, Charge, DecimalText, MonthText, PlanContent, Unit
from talkmeter.billing.plans import PlanVersion, read_plans
from talkmeter.billing.quantities import DailyQuantities, first_usage_day, read_quantities
from talkmeter.billing.statement_store import read_statements
from talkmeter.months import format_month, month_days, month_of
from talkmeter.period import DayText, Present, format_day

PAST_MONTHS: Final = 3
_ERROR: Final = "The mean of |projected - actual| / actual at this day of the last three months; null: unknown."
PastError = Annotated[DecimalText | None, Meta(description=_ERROR)]
_METERS: Final = tuple(
    Charge(id=meter, name=meter, meter=meter, price="0") for meter, priced in METERS.items() if priced.items is None
)


class QuantityForecast(msgspec.Struct, frozen=True, kw_only=True):
    """The quantity of a meter in this month; it is between `low` and `high` in 80 % of cases."""

    meter: str
    unit: Unit
    to_date: DecimalText
    projected: DecimalText
    low: DecimalText
    high: DecimalText
    method: Method
    past_error: PastError


class AmountForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What this month costs."""

    to_date: AmountText
    projected: AmountText
    low: AmountText
    high: AmountText
    past_error: PastError


class ChargeForecast(msgspec.Struct, frozen=True, kw_only=True):
    """The quantity and the amount of a charge in this month."""

    id: str
    name: str
    quantity: QuantityForecast
    amount: AmountForecast


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast of the current month. Without a forecast, `reason` says why, and the others are null or empty."""

    month: MonthText
    day: DayText
    history_days: Annotated[int, Meta(description="The complete days that the forecast is made from, at most 56.")]
    reason: str | None
    currency: str | None
    meters: list[QuantityForecast]
    charges: list[ChargeForecast]
    cost: AmountForecast | None


class ForecastQuery(NamedTuple):
    """A question about the forecast of the current month."""

    org_id: str
    present: Present

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer depends on, besides the revisions of the organization and the plans."""
        return "forecast", self.present.today


class _History(NamedTuple):
    """What a forecast is made from: the daily quantities of meters or charges, and the first day with usage."""

    daily: Mapping[str, DailyQuantities]
    first_day: int | None

    def project(self, charge: Charge, today: int) -> Projection | None:
        """Return the projection of a charge's quantity."""
        daily = self.daily.get(charge.id, {})
        return project(daily, today, self.first_day) if charge.priced.items is None else project_constant(daily, today)

    def project_all(self, charges: Iterable[Charge], today: int) -> list["_Projected"]:
        """Return the projections of charges; none if the history is too short."""
        projections = ((charge, self.project(charge, today)) for charge in charges)
        return [_Projected(charge, projection) for charge, projection in projections if projection is not None]

    def actual(self, charge: Charge, month: int) -> int:
        """Return the quantity of a whole month."""
        daily = self.daily.get(charge.id, {})
        return sum(daily.get(day, 0) for day in month_days(month))

    def past_error(self, charge: Charge, today: int) -> str | None:
        """Return the mean error of the projections at the same day of the last months."""
        errors = []
        for day in past_days(today):
            projection, actual = self.project(charge, day), self.actual(charge, month_of(day))
            if projection is not None and actual:
                errors.append(relative_error(projection.projected, actual))
        return mean_error(errors)


def past_days(today: int) -> list[int]:
    """Return the same day of the last three months."""
    return [same_day_earlier(today, months) for months in range(1, PAST_MONTHS + 1)]


def read_forecast(connection: Connection, query: ForecastQuery) -> Forecast:
    """Return the forecast; the connection must be in one snapshot."""
    today, org_id = query.present.today, query.org_id
    first = first_usage_day(connection, org_id)
    history_days = len(history_of(today, first))
    empty = Forecast(
        month=format_month(month_of(today)),
        day=format_day(today),
        history_days=history_days,
        reason=f"A forecast needs {MIN_HISTORY_DAYS} complete days since the first usage.",
        currency=None,
        meters=[],
        charges=[],
        cost=None,
    )
    if history_days < MIN_HISTORY_DAYS:
        return empty
    days = range(min(past_days(today)) - HISTORY_DAYS, today + 1)
    meters = _History(read_quantities(connection, org_id, _METERS, days), first)
    usage = msgspec.structs.replace(
        empty, reason=None, meters=[_quantity(of, meters, today) for of in meters.project_all(_METERS, today)]
    )
    versions = _versions(connection, org_id, today)
    version = versions[month_of(today)]
    if version is None:
        return usage
    plan = version.content
    history = _History(read_quantities(connection, org_id, plan.charges, days), first)
    projected = history.project_all(plan.charges, today)
    histories, errors = {version[:2]: history}, []
    for day in past_days(today):
        if (past := versions[month_of(day)]) is not None:
            if past[:2] not in histories:
                histories[past[:2]] = _History(read_quantities(connection, org_id, past.content.charges, days), first)
            errors += _amount_errors({day: past.content}, histories[past[:2]])
    return msgspec.structs.replace(
        usage,
        currency=plan.currency,
        charges=[_charge(of, plan, history, today) for of in projected],
        cost=_amount(plan, projected, history, today, errors),
    )


def _versions(connection: Connection, org_id: str, today: int) -> dict[int, PlanVersion | None]:
    """Return the plan versions of the current month and of the last months."""
    months = range(month_of(today) - PAST_MONTHS, month_of(today) + 1)
    plans, statements = read_plans(connection), read_statements(connection, org_id, months[0], months[-1])
    return versions_of_months(connection, org_id, plans, months, statements)


class _Projected(NamedTuple):
    """A charge and its projection."""

    charge: Charge
    projection: Projection


def _quantity(of: _Projected, history: _History, today: int) -> QuantityForecast:
    charge, projection = of
    per_base = charge.units_per_base(len(month_days(month_of(today))))
    to_date, projected, low, high = (format_decimal(amount * per_base) for amount in projection[:4])
    return QuantityForecast(
        meter=charge.meter,
        unit=charge.priced.unit,
        to_date=to_date,
        projected=projected,
        low=low,
        high=high,
        method=projection.method,
        past_error=history.past_error(charge, today),
    )


def _charge(of: _Projected, plan: PlanContent, history: _History, today: int) -> ChargeForecast:
    charge = of.charge
    alone = msgspec.structs.replace(plan, fee="0", minimum="0", charges=(charge,))
    return ChargeForecast(
        id=charge.id,
        name=charge.name,
        quantity=_quantity(of, history, today),
        amount=_amount(alone, [of], history, today, _amount_errors(dict.fromkeys(past_days(today), alone), history)),
    )


def _amount(
    plan: PlanContent, projected: Sequence[_Projected], history: _History, today: int, errors: list[Fraction]
) -> AmountForecast:
    """Return what charges cost at their low, projected and high quantities; a volume tier can make more cost less."""
    month, digits = month_of(today), plan.digits
    days = month_days(month)
    cost = month_cost(plan, month, history.daily, today)
    totals = [
        month_total(plan, month, {charge.id: quantity(projection) for charge, projection in projected})
        for quantity in (attrgetter("projected"), attrgetter("low"), attrgetter("high"))
    ]
    return AmountForecast(
        to_date=format_amount(cost.total(0, today + 1 - days.start), digits),
        projected=format_amount(totals[0], digits),
        low=format_amount(min(totals), digits),
        high=format_amount(max(totals), digits),
        past_error=mean_error(errors),
    )


def _amount_errors(plans: Mapping[int, PlanContent], history: _History) -> list[Fraction]:
    """Return how far the projected costs at past days were from the costs of their months, by day and its plan."""
    errors = []
    for day, plan in plans.items():
        projections = {charge.id: history.project(charge, day) for charge in plan.charges}
        quantities = {id_: projection.projected for id_, projection in projections.items() if projection is not None}
        month = month_of(day)
        actual = {charge.id: history.actual(charge, month) for charge in plan.charges}
        if len(quantities) < len(plan.charges) or not any(actual.values()):
            continue
        if cost := month_total(plan, month, actual):
            errors.append(relative_error(month_total(plan, month, quantities), cost))
    return errors
