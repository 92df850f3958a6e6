"""Plans and months for tests of prices."""

from collections.abc import Mapping
from datetime import date

from talkmeter.billing.month_cost import MonthCost, month_cost
from talkmeter.billing.plan import PlanContent
from talkmeter.billing.plan_file import read_plan_file
from talkmeter.billing.read_plan import read_plan
from tests.unit.prose import ROOT

EXAMPLE = ROOT / "examples" / "plans.toml"
LAST_DAY = 47_000
"""A day after all days of the tests."""


def example_plan() -> PlanContent:
    """Return the plan of examples/plans.toml."""
    return read_plan_file(EXAMPLE).plans["smb"]


def plan(*charges: Mapping[str, object], currency: str = "USD", **fields: object) -> PlanContent:
    """Return a plan; a charge without an id or name gets `line`, and one without a meter counts calls."""
    complete = [{"id": "line", "name": "Line", "meter": "calls", **charge} for charge in charges]
    return read_plan({"name": "Plan", "currency": currency, "effective": "2020-01", **fields, "charges": complete})


def day(text: str) -> int:
    """Return the days since 1970 of YYYY-MM-DD."""
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


def cost_of(
    content: PlanContent, month: str, quantities: Mapping[str, Mapping[str, int]], today: int = LAST_DAY
) -> MonthCost:
    """Return the cost of a month, YYYY-MM, with the base units of each charge by day, YYYY-MM-DD."""
    first = date.fromisoformat(f"{month}-01")
    by_day = {charge: {day(text): units for text, units in of_days.items()} for charge, of_days in quantities.items()}
    return month_cost(content, first.year * 12 + first.month - 1, by_day, today)


def daily(cost: MonthCost, line: str) -> list[int]:
    """Return what a line costs on each day of the month, in minor units."""
    return [cost.amount(line, index, index + 1) for index in range(len(cost.lines[line]) - 1)]
