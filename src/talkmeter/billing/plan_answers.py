"""The answers about plans: all plans with their versions, and the plan of an organization."""

from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.billing.apply import Changes
from talkmeter.billing.month_plans import versions_of_months
from talkmeter.billing.plan import MonthText, PlanContent
from talkmeter.billing.plans import Plans, PlanVersion, read_assignments, read_plans
from talkmeter.billing.statement_store import read_statements
from talkmeter.months import format_month, month_of
from talkmeter.period import InstantText, format_instant


class VersionState(msgspec.Struct, frozen=True):
    """A version of a plan."""

    version: int
    created_at: InstantText
    content: PlanContent


class PlanState(msgspec.Struct, frozen=True):
    """A plan with all its versions, oldest first."""

    id: str
    versions: list[VersionState]


class PlanList(msgspec.Struct, frozen=True):
    """All plans, and the present plan of organizations without an assignment."""

    default_plan: str | None
    plans: list[PlanState]


class AppliedPlan(msgspec.Struct, frozen=True):
    """The result of applying a plan; `changes` has a line for each changed field, and is empty if nothing changed."""

    plan: str
    version: Annotated[int, Meta(description="The version with this content.")]
    changes: list[str]


class AssignmentState(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A plan from a month on; null: no plan."""

    plan: str | None
    from_: MonthText


class OrganizationPlan(msgspec.Struct, frozen=True):
    """The plan version of an organization in the current month, if any, and its assignments."""

    organization_id: str
    plan: str | None
    version: int | None
    assignments: list[AssignmentState]


def list_plans(plans: Plans, today: int) -> PlanList:
    """Return all plans."""
    listed = [
        PlanState(plan_id, [_version_state(one) for one in versions]) for plan_id, versions in plans.versions.items()
    ]
    return PlanList(plans.default_in(month_of(today)), listed)


def _version_state(version: PlanVersion) -> VersionState:
    return VersionState(version.version, format_instant(version.created_at), version.content)


def applied_plan(plan_id: str, plans: Plans, content: PlanContent, changes: Changes) -> AppliedPlan:
    """Return what applying one plan changed; `plans` are those before it."""
    for change in changes.versions:
        return AppliedPlan(plan_id, change.number, change.lines())
    equal = [version.version for version in plans.versions[plan_id] if version.content == content]
    return AppliedPlan(plan_id, equal[-1], [])


def organization_plan(connection: Connection, org_id: str, today: int) -> OrganizationPlan:
    """Return the plan of an organization in the current month, and its assignments."""
    month = month_of(today)
    plans, statements = read_plans(connection), read_statements(connection, org_id, month, month)
    version = versions_of_months(connection, org_id, plans, [month], statements)[month]
    return OrganizationPlan(
        org_id,
        None if version is None else version.plan_id,
        None if version is None else version.version,
        [AssignmentState(plan_id, format_month(start)) for start, plan_id in read_assignments(connection, org_id)],
    )
