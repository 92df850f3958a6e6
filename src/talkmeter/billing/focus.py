"""Statements as FOCUS 1.2, the format of the FinOps Open Cost and Usage Specification, as CSV.

A line of a statement is one row for each price that it consists of, so that unit price times quantity is the cost of a
row. A line of an adjustment is one row, of the class Correction: it has the month that it corrects as its charge
period, and the month in which it was written as its billing period.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from io import TextIOWrapper
from typing import IO, Final, NamedTuple

import msgspec
from sqlalchemy import Engine

from talkmeter.billing.money import amount_text, currency_digits, format_amount, format_decimal, read_decimal
from talkmeter.billing.plan import EXACT, FEE, Charge, Unit
from talkmeter.billing.plans import Plans, read_plans
from talkmeter.billing.pricing import TierPart, packages, tier_amounts, tier_parts
from talkmeter.billing.statement_export import charge_of, month_statements, quantity_text
from talkmeter.billing.statement_store import Statement, StatementLine
from talkmeter.db.engine import reading
from talkmeter.months import first_day, month_days, month_of
from talkmeter.period import day_of, format_day
from talkmeter.usage.formats import escape_formula

SERVICE: Final = ("AI and Machine Learning", "Voice and chat agents", "Bots")
"""ServiceCategory, ServiceName and ServiceSubcategory of every row."""
_COST_DIGITS: Final = 18
"""A quantity has at most 6 digits after the point and a price 12, so their product is exact."""
_PLURALS: Final[dict[Unit, str]] = {
    "minute": "Minutes",
    "call": "Calls",
    "session": "Sessions",
    "run": "Runs",
    "item": "Item-Months",
}
_ITEM_DAYS: Final = "Item-Days"


class FocusRow(NamedTuple):
    """A row; the fields are the columns of the file, those of FOCUS in alphabetical order, then ours."""

    BilledCost: str
    BillingAccountId: str
    BillingAccountName: str | None
    BillingCurrency: str
    BillingPeriodEnd: str
    BillingPeriodStart: str
    ChargeCategory: str
    ChargeClass: str | None
    ChargeDescription: str
    ChargeFrequency: str
    ChargePeriodEnd: str
    ChargePeriodStart: str
    ConsumedQuantity: str | None
    ConsumedUnit: str | None
    ContractedCost: str
    ContractedUnitPrice: str | None
    EffectiveCost: str
    InvoiceId: str
    InvoiceIssuerName: str
    ListCost: str
    ListUnitPrice: str | None
    PricingCategory: str | None
    PricingQuantity: str | None
    PricingUnit: str | None
    ProviderName: str
    PublisherName: str
    ServiceCategory: str
    ServiceName: str
    ServiceSubcategory: str
    SkuId: str | None
    SkuMeter: str | None
    SkuPriceDetails: str | None
    SkuPriceId: str | None
    x_Line: str  # noqa: N815  names that FOCUS demands
    x_Plan: str  # noqa: N815  names that FOCUS demands
    x_PlanVersion: str  # noqa: N815  names that FOCUS demands
    x_StatementNumber: str  # noqa: N815  names that FOCUS demands


class _Priced(NamedTuple):
    """What differs between the rows of a statement; costs and amounts are texts with the currency's digits."""

    category: str
    frequency: str
    billed: str
    cost: str
    unit_price: str | None = None
    consumed: str | None = None
    consumed_unit: str | None = None
    pricing_quantity: str | None = None
    pricing_unit: str | None = None
    sku: str | None = None
    sku_price: str | None = None
    meter: str | None = None
    details: str | None = None


def focus_rows(engine: Engine, names: Mapping[str, str | None], month: int, provider: str) -> Iterator[FocusRow]:
    """Yield the rows of a month's statements of organizations, given by id with their names.

    `provider` is the name of the company that sends the invoices.
    """
    with reading(engine) as connection:
        plans = read_plans(connection)
    for statement in month_statements(engine, names, month):
        for line in statement.lines:
            # FOCUS has no row for usage that there was not.
            if line.base_quantity or line.amount:
                for priced in _priced(plans, statement, line):
                    yield _row(statement, line, priced, names[statement.org_id], provider)


def write_focus(rows: Iterable[FocusRow], out: IO[bytes]) -> None:
    """Write rows as CSV in UTF-8 without a byte order mark; null is empty, and formulas in texts are escaped."""
    text = TextIOWrapper(out, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(FocusRow._fields)
    writer.writerows(
        [escape_formula(cell) if cell and is_text else cell for cell, is_text in zip(row, _TEXTS, strict=True)]
        for row in rows
    )
    text.flush()
    text.detach()


_FREE_TEXTS: Final = (
    "BillingAccountId",
    "BillingAccountName",
    "ChargeDescription",
    "InvoiceId",
    "InvoiceIssuerName",
    "ProviderName",
    "PublisherName",
    "SkuPriceDetails",
)
_TEXTS: Final = tuple(name in _FREE_TEXTS for name in FocusRow._fields)
"""Which columns can contain any text; the others are ids and numbers, also negative ones, which are not formulas."""


def _priced(plans: Plans, statement: Statement, line: StatementLine) -> Iterator[_Priced]:
    charge = charge_of(plans, statement, line)
    billed = _amount(statement, line.amount)
    if charge is not None and statement.number == 0:
        yield from _usage(statement, line, charge)
    elif charge is not None:
        units = quantity_text(charge, line.base_quantity, statement.month)
        consumed = str(line.base_quantity) if charge.priced.base_per_unit is None else units
        yield _Priced(
            "Usage",
            "Usage-Based",
            billed,
            billed,
            consumed=consumed,
            consumed_unit=_consumed_unit(charge),
            meter=charge.meter,
            sku=f"{statement.plan_id}/{charge.id}",
        )
    elif line.line == FEE:
        sku = f"{statement.plan_id}/{FEE}"
        fee = _Priced("Purchase", "Recurring", billed, billed, meter=FEE, sku=sku)
        priced = {"unit_price": billed, "pricing_quantity": "1", "pricing_unit": "Months", "sku_price": sku}
        yield fee if statement.number else fee._replace(**priced)
    else:
        yield _Priced("Adjustment", "One-Time", billed, billed)


def _usage(statement: Statement, line: StatementLine, charge: Charge) -> Iterator[_Priced]:
    """Yield the parts of a charge by price; their billed costs add up to the line."""
    days = len(month_days(statement.month))
    units = line.base_quantity * charge.units_per_base(days)
    parts = tier_parts(charge, units)
    sku = f"{statement.plan_id}/{charge.id}"
    for part, amount in zip(parts, tier_amounts(parts, currency_digits(statement.currency)), strict=True):
        if charge.tiers and not part.units:
            continue
        consumed = part.units if charge.tiers else units
        quantity, unit = _pricing_quantity(charge, units, part)
        yield _Priced(
            "Usage",
            "Usage-Based",
            _amount(statement, amount),
            _exact_product(quantity, part.price),
            unit_price=part.price,
            consumed=format_decimal(consumed * days if charge.priced.base_per_unit is None else consumed),
            consumed_unit=_consumed_unit(charge),
            pricing_quantity=quantity,
            pricing_unit=unit,
            sku=sku,
            sku_price=f"{sku}/from-{format_decimal(part.start)}" if charge.tiers else sku,
            meter=charge.meter,
            details=_details(charge),
        )


def _pricing_quantity(charge: Charge, units: Fraction, part: TierPart) -> tuple[str, str]:
    """Return (quantity, unit) that the price applies to; the included quantity is not part of it."""
    unit = _PLURALS[charge.priced.unit]
    started = packages(charge, units)
    return (format_decimal(part.units), unit) if started is None else (str(started), f"{charge.package} {unit}")


def _consumed_unit(charge: Charge) -> str:
    return _ITEM_DAYS if charge.priced.base_per_unit is None else _PLURALS[charge.priced.unit]


def _details(charge: Charge) -> str | None:
    """Return the conditions of a price as JSON, in keys that begin with x_; None if there are none."""
    details: dict[str, str] = {} if charge.per_call == EXACT else {"x_PerCall": charge.per_call}
    if charge.condition is not None:
        dimension, value = charge.condition
        details[f"x_{dimension.capitalize()}"] = value
    return msgspec.json.encode(details).decode() if details else None


def _exact_product(quantity: str, price: str) -> str:
    product = read_decimal(quantity) * read_decimal(price)
    text = format_amount(int(product * 10**_COST_DIGITS), _COST_DIGITS)
    return text.rstrip("0").removesuffix(".")


def _amount(statement: Statement, minor: int) -> str:
    return amount_text(minor, statement.currency)


def _row(statement: Statement, line: StatementLine, priced: _Priced, name: str | None, provider: str) -> FocusRow:
    corrects = statement.number > 0
    billing = month_of(day_of(statement.created_at)) if corrects else statement.month
    return FocusRow(
        BilledCost=priced.billed,
        BillingAccountId=statement.org_id,
        BillingAccountName=name,
        BillingCurrency=statement.currency,
        BillingPeriodEnd=_start(billing + 1),
        BillingPeriodStart=_start(billing),
        ChargeCategory=priced.category,
        ChargeClass="Correction" if corrects else None,
        ChargeDescription=line.name,
        ChargeFrequency=priced.frequency,
        ChargePeriodEnd=_start(statement.month + 1),
        ChargePeriodStart=_start(statement.month),
        ConsumedQuantity=priced.consumed,
        ConsumedUnit=priced.consumed_unit,
        ContractedCost=priced.cost,
        ContractedUnitPrice=priced.unit_price,
        EffectiveCost=priced.billed,
        InvoiceId=statement.id,
        InvoiceIssuerName=provider,
        ListCost=priced.cost,
        ListUnitPrice=priced.unit_price,
        PricingCategory=None if priced.category == "Adjustment" else "Standard",
        PricingQuantity=priced.pricing_quantity,
        PricingUnit=priced.pricing_unit,
        ProviderName=provider,
        PublisherName=provider,
        ServiceCategory=SERVICE[0],
        ServiceName=SERVICE[1],
        ServiceSubcategory=SERVICE[2],
        SkuId=priced.sku,
        SkuMeter=priced.meter,
        SkuPriceDetails=priced.details,
        SkuPriceId=priced.sku_price,
        x_Line=line.line,
        x_Plan=statement.plan_id,
        x_PlanVersion=str(statement.version),
        x_StatementNumber=str(statement.number),
    )


def _start(month: int) -> str:
    """Return the first instant of a month."""
    return f"{format_day(first_day(month))}T00:00:00Z"
