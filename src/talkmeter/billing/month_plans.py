"""Which plan version prices each month of an organization.

A closed month keeps the version of its statement. Else the organization's assignment applies, else the default plan,
from the month of its first usage on. The version is the latest one that is effective in the month.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

from talkmeter.billing.plans import Plans, PlanVersion, assigned_in, read_assignments
from talkmeter.billing.quantities import first_day_with_anything
from talkmeter.billing.statement_store import Statement
from talkmeter.months import month_of


def versions_of_months(
    connection: Connection, org_id: str, plans: Plans, months: Iterable[int], statements: Iterable[Statement]
) -> dict[int, PlanVersion | None]:
    """Return the plan version of each month, or None for a month without a plan."""
    closed = {one.month: plans.numbered(one.plan_id, one.version) for one in statements if one.number == 0}
    assignments = read_assignments(connection, org_id)
    first_month: int | None = None
    versions: dict[int, PlanVersion | None] = {}
    for month in months:
        if month in closed:
            versions[month] = closed[month]
            continue
        is_assigned, plan_id = assigned_in(assignments, month)
        if not is_assigned and (default := plans.default_in(month)) is not None:
            if first_month is None:
                first_month = _first_month(connection, org_id)
            plan_id = default if first_month <= month else None
        versions[month] = None if plan_id is None else plans.version_in(plan_id, month)
    return versions


def _first_month(connection: Connection, org_id: str) -> int:
    """Return the month of the first day with usage or inventory; a far future month if neither exists."""
    day = first_day_with_anything(connection, org_id)
    return 1 << 30 if day is None else month_of(day)
