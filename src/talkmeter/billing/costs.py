"""The costs of a window by month and charge, and by day, computed from present usage in one snapshot."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.billing.cost_rows import Reason, read_names, split_costs
from talkmeter.billing.money import format_amount, format_decimal
from talkmeter.billing.month_cost import MonthCost
from talkmeter.billing.plan import (
    FEE,
    MINIMUM,
    AmountText,
    Charge,
    DecimalText,
    MonthText,
    PerCall,
    Unit,
)
from talkmeter.billing.priced_months import By, CostsQuery, PricedMonth, price_months
from talkmeter.billing.pricing import billable_units, packages, tier_amounts, tier_parts
from talkmeter.billing.statement_store import Statement, read_statements
from talkmeter.months import format_month, month_days, month_of
from talkmeter.period import DayText, format_day


class TierCost(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """The units of a charge that one price applies to."""

    from_: DecimalText
    up_to: DecimalText | None
    quantity: DecimalText
    price: DecimalText
    amount: AmountText


class ChargeCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a charge costs in the month's part of the window.

    If the window starts after the month's first day, `included`, `billable`, `packages` and `tiers` are null, because
    they are of the whole month.
    """

    id: str
    name: str
    meter: str
    unit: Unit
    per_call: PerCall
    quantity: DecimalText
    base_quantity: Annotated[int, Meta(description="The exact quantity: milliseconds, calls, runs or item-days.")]
    included: DecimalText | None
    billable: DecimalText | None
    package: DecimalText | None
    packages: int | None
    counted_from: Annotated[DayText | None, Meta(description="The first day whose items are known; null: all days.")]
    tiers: list[TierCost] | None
    amount: AmountText


class MonthCosts(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The costs of a month's part of the window; the amounts and the plan are null in a month without a plan."""

    month: MonthText
    from_: DayText
    to: DayText
    plan: str | None
    version: int | None
    state: Literal["open", "closed"]
    fee: AmountText | None
    minimum_charge: AmountText | None
    total: AmountText | None
    closed_total: Annotated[AmountText | None, Meta(description="The sum of the statements of a closed month.")]
    difference: Annotated[AmountText | None, Meta(description="`total - closed_total`: the change since closing.")]
    charges: list[ChargeCost]


class DayCost(msgspec.Struct, frozen=True):
    """What a day costs, and each charge of it that is not zero."""

    day: DayText
    amount: AmountText | None
    charges: dict[str, AmountText]


class RowCost(msgspec.Struct, frozen=True):
    """What one value costs; null: records without a value."""

    value: str | None
    name: str | None
    amount: AmountText


class OtherCosts(msgspec.Struct, frozen=True):
    """What the values beyond `limit` cost."""

    values: int
    amount: AmountText


class UnallocatedCost(msgspec.Struct, frozen=True):
    """A line that is not split by the dimension, with the reason."""

    id: str
    name: str
    amount: AmountText
    reason: Reason


class Costs(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The costs of a window. `rows + others + unallocated = total`; months and days add up to it too."""

    from_: DayText
    to: DayText
    currency: str | None
    total: AmountText | None
    months: list[MonthCosts]
    days: list[DayCost]
    rows: list[RowCost] | None
    others: OtherCosts | None
    unallocated: list[UnallocatedCost] | None


def read_costs(connection: Connection, query: CostsQuery) -> Costs:
    """Return the costs; the connection must be in one snapshot. Raises Unprocessable if there are two currencies."""
    statements = read_statements(connection, query.org_id, month_of(query.first), month_of(query.end - 1))
    months = price_months(connection, query, statements)
    version = next((month.version for month in months if month.version), None)
    if version is None:
        bounds = {"from_": format_day(query.first), "to": format_day(query.end)}
        return Costs(
            **bounds,
            currency=None,
            total=None,
            months=[],
            days=[],
            rows=None if query.by is None else [],
            others=None,
            unallocated=None if query.by is None else [],
        )
    digits = version.content.digits
    split = None if query.by is None else _split(connection, query, query.by, months, digits)
    return Costs(
        from_=format_day(query.first),
        to=format_day(query.end),
        currency=version.content.currency,
        total=format_amount(sum(month.total for month in months), digits),
        months=[_month_costs(month, statements) for month in months],
        days=[day for month in months for day in _day_costs(month)],
        rows=None if split is None else split.rows,
        others=None if split is None else split.others,
        unallocated=None if split is None else split.unallocated,
    )


class _Split(NamedTuple):
    """The costs of a window by value."""

    rows: list[RowCost]
    others: OtherCosts
    unallocated: list[UnallocatedCost]


def _split(connection: Connection, query: CostsQuery, by: By, months: Sequence[PricedMonth], digits: int) -> _Split:
    split = split_costs(connection, query.org_id, months, by, query.present.today)
    ranked = split.ranked()
    shown, rest = ranked[: query.limit], ranked[query.limit :]
    names = read_names(connection, query.org_id, by, [value for value, _ in shown], months)
    return _Split(
        [RowCost(value or None, names.get(value), format_amount(amount, digits)) for value, amount in shown],
        OtherCosts(len(rest), format_amount(sum(amount for _, amount in rest), digits)),
        [
            UnallocatedCost(line, name, format_amount(amount, digits), reason)
            for (line, name, reason), amount in split.unallocated.items()
        ],
    )


def _month_costs(priced: PricedMonth, statements: Sequence[Statement]) -> MonthCosts:
    month, start, end, version, cost, _ = priced
    days = month_days(month)
    of_month = [statement for statement in statements if statement.month == month]
    bounds = {"from_": format_day(days.start + start), "to": format_day(days.start + end)}
    state: Literal["open", "closed"] = "closed" if of_month else "open"
    if version is None or cost is None:
        return MonthCosts(
            month=format_month(month),
            **bounds,
            plan=None,
            version=None,
            state=state,
            fee=None,
            minimum_charge=None,
            total=None,
            closed_total=None,
            difference=None,
            charges=[],
        )
    digits = version.content.digits
    total = cost.total(start, end)
    closed = sum(one.total for one in of_month) if of_month and end - start == len(days) else None
    return MonthCosts(
        month=format_month(month),
        **bounds,
        plan=version.plan_id,
        version=version.version,
        state=state,
        fee=format_amount(cost.amount(FEE, start, end), digits),
        minimum_charge=format_amount(cost.amount(MINIMUM, start, end), digits),
        total=format_amount(total, digits),
        closed_total=None if closed is None else format_amount(closed, digits),
        difference=None if closed is None else format_amount(total - closed, digits),
        charges=[_charge_cost(charge, priced, cost, digits) for charge in version.content.charges],
    )


def _charge_cost(charge: Charge, priced: PricedMonth, cost: MonthCost, digits: int) -> ChargeCost:
    start, end = priced.start, priced.end
    base = cost.quantities[charge.id][end] - cost.quantities[charge.id][start]
    units = base * charge.units_per_base(len(month_days(priced.month)))
    is_whole = start == 0
    counted_from = priced.counted_from
    if charge.priced.items is None or (counted_from is not None and counted_from <= priced.days.start):
        counted_from = None
    parts = tier_parts(charge, units)
    return ChargeCost(
        id=charge.id,
        name=charge.name,
        meter=charge.meter,
        unit=charge.priced.unit,
        per_call=charge.per_call,
        quantity=format_decimal(units),
        base_quantity=base,
        included=charge.included if is_whole else None,
        billable=format_decimal(billable_units(charge, units)) if is_whole else None,
        package=charge.package,
        packages=packages(charge, units) if is_whole else None,
        counted_from=None if counted_from is None else format_day(counted_from),
        tiers=[
            TierCost(
                format_decimal(part.start),
                None if part.end is None else format_decimal(part.end),
                format_decimal(part.units),
                part.price,
                format_amount(amount, digits),
            )
            for part, amount in zip(parts, tier_amounts(parts, digits), strict=True)
        ]
        if is_whole
        else None,
        amount=format_amount(cost.amount(charge.id, start, end), digits),
    )


def _day_costs(priced: PricedMonth) -> list[DayCost]:
    if priced.version is None or priced.cost is None:
        return [DayCost(format_day(day), None, {}) for day in priced.days]
    digits = priced.version.content.digits
    costs = []
    for index, day in enumerate(priced.days, start=priced.start):
        charges = {
            charge.id: format_amount(amount, digits)
            for charge in priced.version.content.charges
            if (amount := priced.cost.amount(charge.id, index, index + 1))
        }
        costs.append(DayCost(format_day(day), format_amount(priced.cost.total(index, index + 1), digits), charges))
    return costs
