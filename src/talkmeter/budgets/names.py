"""What the ids in budgets mean: the names of agents, numbers and widgets, and the plan's charge and currency."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from talkmeter.billing.month_plans import versions_of_months
from talkmeter.billing.plan import PlanContent, Unit
from talkmeter.billing.plans import read_plans
from talkmeter.billing.statement_store import read_statements
from talkmeter.budgets.budget import COST, Budget
from talkmeter.budgets.values import charge_of
from talkmeter.months import month_of
from talkmeter.period import Present
from talkmeter.usage.filtered import read_applied_filter


class BudgetCharge(msgspec.Struct, frozen=True):
    """The charge whose quantity a budget limits."""

    name: str
    unit: Unit


class BudgetNames(NamedTuple):
    """What a budget shows in place of ids; None if it has no such id, or the plan of the month does not have it."""

    filter_name: str | None
    charge: BudgetCharge | None
    currency: str | None


def read_names(connection: Connection, org_id: str, budgets: Iterable[Budget], present: Present) -> list[BudgetNames]:
    """Return the names of each budget, by the plan of the current month."""
    budgets = list(budgets)
    is_priced = any(budget.metric == COST or budget.charge is not None for budget in budgets)
    plan = _read_plan(connection, org_id, present) if is_priced else None
    return [_names(connection, org_id, budget, plan) for budget in budgets]


def _names(connection: Connection, org_id: str, budget: Budget, plan: PlanContent | None) -> BudgetNames:
    filter_ = budget.value_filter
    applied = None if filter_ is None else read_applied_filter(connection, org_id, filter_)
    charge = None if plan is None or budget.charge is None else charge_of(plan, budget)
    return BudgetNames(
        filter_name=None if applied is None else applied.name,
        charge=None if charge is None else BudgetCharge(charge.name, charge.priced.unit),
        currency=plan.currency if plan is not None and budget.metric == COST else None,
    )


def _read_plan(connection: Connection, org_id: str, present: Present) -> PlanContent | None:
    month = month_of(present.today)
    statements = read_statements(connection, org_id, month, month)
    version = versions_of_months(connection, org_id, read_plans(connection), [month], statements)[month]
    return None if version is None else version.content
