"""`GET /admin/usage/costs` for an organization, and `/billing/…`, where an operator manages plans."""

from typing import Annotated, Final

import msgspec
from litestar import Response, Router, get, put
from litestar.params import PathParameter

from talkmeter import clock
from talkmeter.api.auth.callers import RequiresScope, actor_of, caller_of, organization_of
from talkmeter.api.auth.scopes import BILLING_MANAGE, PLANS_MANAGE
from talkmeter.api.conditional import NOT_MODIFIED, answer_query, present_of
from talkmeter.api.json_body import json_answer, read_json, service_of
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.parameters import COSTS, DRY_RUN, RESTATE, query_operation, read_parameters
from talkmeter.api.problems import AnyRequest
from talkmeter.api.request_bodies import ASSIGNMENT_BODY, PLAN_BODY
from talkmeter.billing.apply import apply_changes, assign, check_start, plan_changes
from talkmeter.billing.costs import Costs
from talkmeter.billing.forecast_answer import Forecast, ForecastQuery
from talkmeter.billing.parameters import read_costs_query
from talkmeter.billing.plan_answers import (
    AppliedPlan,
    OrganizationPlan,
    PlanList,
    applied_plan,
    list_plans,
    organization_plan,
)
from talkmeter.billing.plans import Assignment, read_plans
from talkmeter.billing.read_plan import check_plan_id, read_plan
from talkmeter.db.engine import Connection
from talkmeter.errors import NotFound, Unprocessable, quoted
from talkmeter.ledger.organizations import is_open
from talkmeter.months import read_month
from talkmeter.period import day_of
from talkmeter.usage.parameters import read_flag

_PLAN_ID: Final = PathParameter(description="The id of the plan: lowercase letters, digits and hyphens.")
_ORG_ID: Final = PathParameter(description="The id of the organization.")
_ASSIGNMENT: Final = 'Send {"plan": "smb", "from": "2026-11"}; the plan null means no plan.'


class AssignmentBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_": "from"}):
    """The body of an assignment."""

    plan: str | None
    from_: str


@get(
    "/admin/usage/costs",
    operation_id="getCosts",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(*COSTS, conditional=True),
    responses={
        200: json_spec(Costs, "The costs of the window."),
        304: NOT_MODIFIED,
        **error_specs(401, 403, 422),
    },
    summary="Get the costs",
)
async def get_costs(request: AnyRequest) -> Response[bytes]:
    """Return the costs of UTC days by month and charge, by day and by a dimension, under the organization's plan."""
    parameters = read_parameters(request, *COSTS)
    query = read_costs_query(organization_of(caller_of(request)), parameters, present_of(request))
    return await answer_query(request, query)


@get(
    "/admin/usage/forecast",
    operation_id="getForecast",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(conditional=True),
    responses={
        200: json_spec(Forecast, "The forecast of the current month."),
        304: NOT_MODIFIED,
        **error_specs(401, 403, 422),
    },
    summary="Get the forecast of the month",
)
async def get_forecast(request: AnyRequest) -> Response[bytes]:
    """Return what the current month is on course for: each meter, each charge of the plan, and the cost."""
    read_parameters(request)
    return await answer_query(request, ForecastQuery(organization_of(caller_of(request)), present_of(request)))


@get(
    "/billing/plans",
    operation_id="listPlans",
    guards=[RequiresScope(PLANS_MANAGE)],
    operation_class=query_operation(),
    responses={200: json_spec(PlanList, "All plans with their versions."), **error_specs(401, 403, 422)},
    summary="List the plans",
)
async def get_plans(request: AnyRequest) -> Response[bytes]:
    """Return all plans and the default plan."""
    read_parameters(request)
    plans = await service_of(request).look_up(read_plans)
    return json_answer(list_plans(plans, day_of(clock.now())))


@put(
    "/billing/plans/{plan_id:str}",
    operation_id="applyPlan",
    guards=[RequiresScope(PLANS_MANAGE)],
    operation_class=query_operation(DRY_RUN, RESTATE, body=PLAN_BODY),
    responses={
        200: json_spec(AppliedPlan, "What changed."),
        **error_specs(400, 401, 403, 408, 413, 415, 422, 507),
    },
    summary="Apply a plan",
)
async def put_plan(request: AnyRequest, plan_id: Annotated[str, _PLAN_ID]) -> Response[bytes]:
    """Add a version of a plan, or a new plan. Equal content changes nothing."""
    parameters = read_parameters(request, DRY_RUN, RESTATE)
    dry_run, restate = (read_flag(name, parameters) or False for name in ("dry_run", "restate"))
    content = read_plan(await read_json(request))
    check_plan_id(plan_id)
    now, actor = clock.now(), actor_of(request)

    def apply(connection: Connection) -> AppliedPlan:
        plans = read_plans(connection)
        changes = plan_changes(plans, {plan_id: content}, None, day_of(now))
        if dry_run:
            check_start(changes, now, restate=restate)
        else:
            apply_changes(connection, changes, actor, now, restate=restate)
        return applied_plan(plan_id, plans, content, changes)

    service = service_of(request)
    return json_answer(await (service.look_up(apply) if dry_run else service.change(apply)))


@get(
    "/billing/organizations/{org_id:str}/plan",
    operation_id="getOrganizationPlan",
    guards=[RequiresScope(PLANS_MANAGE)],
    operation_class=query_operation(),
    responses={200: json_spec(OrganizationPlan, "The plan."), **error_specs(401, 403, 404, 422)},
    summary="Get the plan of an organization",
)
async def get_organization_plan(request: AnyRequest, org_id: Annotated[str, _ORG_ID]) -> Response[bytes]:
    """Return the plan of an organization in the current month, and its assignments."""
    read_parameters(request)

    def read(connection: Connection) -> OrganizationPlan:
        _require_organization(connection, org_id)
        return organization_plan(connection, org_id, day_of(clock.now()))

    return json_answer(await service_of(request).look_up(read))


@put(
    "/billing/organizations/{org_id:str}/plan",
    operation_id="assignPlan",
    guards=[RequiresScope(PLANS_MANAGE)],
    operation_class=query_operation(RESTATE, body=ASSIGNMENT_BODY),
    responses={
        200: json_spec(OrganizationPlan, "The plan."),
        **error_specs(400, 401, 403, 404, 408, 413, 415, 422, 507),
    },
    summary="Assign a plan to an organization",
)
async def put_organization_plan(request: AnyRequest, org_id: Annotated[str, _ORG_ID]) -> Response[bytes]:
    """Give an organization a plan from a month on; an assignment from the same month is replaced."""
    restate = read_flag("restate", read_parameters(request, RESTATE)) or False
    try:
        body = msgspec.convert(await read_json(request), AssignmentBody)
    except msgspec.ValidationError as error:
        raise Unprocessable(f"{error}. {_ASSIGNMENT}") from None
    assignment = Assignment(read_month("from", body.from_), body.plan)
    now, actor = clock.now(), actor_of(request)

    def change(connection: Connection) -> OrganizationPlan:
        _require_organization(connection, org_id)
        assign(connection, org_id, assignment, actor, now, restate=restate)
        return organization_plan(connection, org_id, day_of(now))

    return json_answer(await service_of(request).change(change))


def _require_organization(connection: Connection, org_id: str) -> None:
    if not is_open(connection, org_id):
        raise NotFound(f"Organization {quoted(org_id)} does not exist.")


costs_router = Router(path="/", route_handlers=[get_costs, get_forecast], tags=["Usage"])
plans_router = Router(
    path="/", route_handlers=[get_plans, put_plan, get_organization_plan, put_organization_plan], tags=["Plans"]
)
