"""Prices the months of a window: each with its plan version and the cost of its days."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from sqlalchemy import Connection

from talkmeter.billing.month_cost import MonthCost, month_cost
from talkmeter.billing.month_plans import versions_of_months
from talkmeter.billing.plans import Plans, PlanVersion, read_plans
from talkmeter.billing.quantities import read_quantities
from talkmeter.billing.statement_store import Statement
from talkmeter.errors import Unprocessable
from talkmeter.months import first_day, format_month, month_days, month_of
from talkmeter.period import Present
from talkmeter.usage.inventory_days import read_counted_from

By = Literal["charge", "agent", "number", "widget", "channel", "direction", "workflow"]
BYS: Final[tuple[By, ...]] = get_args(By)
ROWS: Final = 10


class CostsQuery(NamedTuple):
    """A question about the costs of the days [first, end)."""

    org_id: str
    first: int
    end: int
    present: Present
    by: By | None = None
    limit: int = ROWS

    @property
    def identity(self) -> tuple[object, ...]:
        """What the answer depends on, besides the revisions of the organization and the plans."""
        return "costs", self.first, self.end, self.by, self.limit, self.present.today


class PricedMonth(NamedTuple):
    """A month's part of the window, [start, end) in days of the month from 0, with its plan and its cost."""

    month: int
    start: int
    end: int
    version: PlanVersion | None
    cost: MonthCost | None
    counted_from: int | None
    """The first day on which items of the inventory count; None: every day."""

    @property
    def days(self) -> range:
        """The days of the part."""
        first = first_day(self.month)
        return range(first + self.start, first + self.end)

    @property
    def total(self) -> int:
        """What the days of the part cost, in minor units; 0 without a plan."""
        return 0 if self.cost is None else self.cost.total(self.start, self.end)


def price_months(
    connection: Connection, query: CostsQuery, statements: Sequence[Statement], plans: Plans | None = None
) -> list[PricedMonth]:
    """Return every month of the window with its cost. Raises Unprocessable if the window has two currencies.

    `plans` are the plans, if the caller has read them.
    """
    plans = plans or read_plans(connection)
    months = range(month_of(query.first), month_of(query.end - 1) + 1)
    versions = versions_of_months(connection, query.org_id, plans, months, statements)
    _require_one_currency(versions)
    counted_from = read_counted_from(connection)
    return [_price_month(connection, query, month, versions[month], counted_from) for month in months]


def _price_month(
    connection: Connection, query: CostsQuery, month: int, version: PlanVersion | None, counted_from: int | None
) -> PricedMonth:
    days = month_days(month)
    start, end = max(query.first, days.start) - days.start, min(query.end, days.stop) - days.start
    if version is None:
        return PricedMonth(month, start, end, None, None, counted_from)
    past = range(days.start, min(days.start + end, query.present.today + 1))
    quantities = read_quantities(connection, query.org_id, version.content.charges, past)
    cost = month_cost(version.content, month, quantities, query.present.today)
    return PricedMonth(month, start, end, version, cost, counted_from)


def _require_one_currency(versions: Mapping[int, PlanVersion | None]) -> None:
    first: str | None = None
    for month, version in versions.items():
        currency = None if version is None else version.content.currency
        if first is not None and currency is not None and currency != first:
            raise Unprocessable(
                f"The window has two currencies: {currency} begins in {format_month(month)}, {first} is before. "
                f"Choose a window that ends before {format_month(month)}, or one that starts there."
            )
        first = first or currency
