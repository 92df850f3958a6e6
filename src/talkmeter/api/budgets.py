"""`/admin/usage/budgets` and `/admin/usage/allowance`: budgets of an organization."""

from typing import Annotated, Final

from litestar import Response, Router, delete, get, put
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Parameter, Schema
from litestar.params import PathParameter

from talkmeter import clock
from talkmeter.api.auth.callers import RequiresScope, actor_of, caller_of, organization_of
from talkmeter.api.auth.scopes import BILLING_MANAGE
from talkmeter.api.conditional import present_of
from talkmeter.api.headers import header_values
from talkmeter.api.json_body import json_answer, read_json, service_of
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.parameters import BUDGET, query_operation, read_parameters
from talkmeter.api.problems import AnyRequest, Problem, problem_answer, problem_specs
from talkmeter.api.request_bodies import BUDGET_BODY
from talkmeter.budgets.answers import (
    Allowance,
    BudgetAnswer,
    BudgetList,
    BudgetVersion,
    budget_answer,
    budget_answers,
    read_allowance,
    version_of,
)
from talkmeter.budgets.budget import read_budget
from talkmeter.budgets.change import BudgetConflict, Condition, put_budget, remove_budget, unknown_budget
from talkmeter.budgets.store import StoredBudget, read_budgets
from talkmeter.db.engine import Connection
from talkmeter.errors import Unprocessable
from talkmeter.notify.emails import allowed_domains

_ID: Final = PathParameter(description="The id of the budget, chosen by its creator: 1 to 64 of a-z, 0-9 and -.")
_ANY: Final = "*"


class BudgetProblem(Problem, frozen=True, kw_only=True):
    """A conflict; `present` is the budget as it is now, null if it does not exist."""

    present: BudgetVersion | None


def _header(name: str, description: str) -> Parameter:
    return Parameter(name=name, param_in="header", schema=Schema(type=OpenAPIType.STRING), description=description)


_CONDITIONS: Final = (
    _header("If-None-Match", "`*` creates the budget."),
    _header("If-Match", "The ETag of the budget that is changed."),
)
_DELETED: Final = ResponseSpec(data_container=None, description="The budget is deleted.", generate_examples=False)


@get(
    "/admin/usage/budgets",
    operation_id="listBudgets",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    responses={200: json_spec(BudgetList, "The budgets."), **error_specs(401, 403, 422)},
    summary="List the budgets",
)
async def get_budgets(request: AnyRequest) -> Response[bytes]:
    """Return the budgets of the organization with their current values, pace and crossings."""
    read_parameters(request)
    org_id, present = organization_of(caller_of(request)), present_of(request)

    def read(connection: Connection) -> BudgetList:
        budgets = read_budgets(connection, org_id).values()
        return BudgetList(budget_answers(connection, org_id, budgets, present))

    return json_answer(await service_of(request).answer(org_id, request.receive, read))


@get(
    "/admin/usage/budgets/{budget_id:str}",
    operation_id="getBudget",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    responses={200: json_spec(BudgetAnswer, "The budget."), **error_specs(401, 403, 404, 422)},
    summary="Get a budget",
)
async def get_budget(request: AnyRequest, budget_id: Annotated[str, _ID]) -> Response[bytes]:
    """Return a budget with its current value, pace, crossings and messages; the ETag is that of its definition."""
    read_parameters(request)
    org_id, present = organization_of(caller_of(request)), present_of(request)

    def read(connection: Connection) -> BudgetAnswer:
        return budget_answer(connection, org_id, _find(connection, org_id, budget_id), present)

    answer = await service_of(request).answer(org_id, request.receive, read)
    return json_answer(answer, f'"{answer.version}"')


@put(
    "/admin/usage/budgets/{budget_id:str}",
    operation_id="putBudget",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(body=BUDGET_BODY, headers=_CONDITIONS),
    responses={
        200: json_spec(BudgetVersion, "The stored budget."),
        **problem_specs(412, problem=BudgetProblem),
        **error_specs(400, 401, 403, 408, 413, 415, 422, 428, 507),
    },
    summary="Create or change a budget",
)
async def put_budget_(request: AnyRequest, budget_id: Annotated[str, _ID]) -> Response[bytes]:
    """Create a budget (If-None-Match: *) or change one (If-Match). Creating an equal one again changes nothing."""
    read_parameters(request)
    org_id, present = organization_of(caller_of(request)), present_of(request)
    condition, actor = _condition(request), actor_of(request)
    budget = read_budget(budget_id, await read_json(request))
    service = service_of(request)
    domains = allowed_domains(service.settings)

    def change(connection: Connection) -> StoredBudget:
        return put_budget(connection, org_id, budget_id, budget, condition, actor, present, domains)

    stored = await service.change(change)
    service.deliveries.wake()
    return json_answer(version_of(stored), f'"{stored.etag}"')


@delete(
    "/admin/usage/budgets/{budget_id:str}",
    operation_id="deleteBudget",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(headers=_CONDITIONS[1:]),
    status_code=204,
    responses={
        204: _DELETED,
        **problem_specs(412, problem=BudgetProblem),
        **error_specs(401, 403, 404, 415, 422, 428, 507),
    },
    summary="Delete a budget",
)
async def delete_budget_(request: AnyRequest, budget_id: Annotated[str, _ID]) -> Response[None]:
    """Delete a budget and its crossings."""
    read_parameters(request)
    org_id, condition, actor = organization_of(caller_of(request)), _condition(request), actor_of(request)
    await service_of(request).change(
        lambda connection: remove_budget(connection, org_id, budget_id, condition, actor, clock.now())
    )
    return Response(None, status_code=204)


@get(
    "/admin/usage/allowance",
    operation_id="getAllowance",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(BUDGET),
    responses={200: json_spec(Allowance, "Whether the limit is not reached."), **error_specs(401, 403, 404, 422)},
    summary="Check a budget before a call",
)
async def get_allowance(request: AnyRequest) -> Response[bytes]:
    """Return whether a budget's limit is not reached yet, by the totals of now. Calls in progress do not count yet."""
    budget_id = read_parameters(request, BUDGET).get("budget")
    if budget_id is None:
        raise Unprocessable("'budget' is missing: it must be the id of a budget.")
    org_id, present = organization_of(caller_of(request)), present_of(request)

    def read(connection: Connection) -> Allowance:
        return read_allowance(connection, org_id, _find(connection, org_id, budget_id), present)

    return json_answer(await service_of(request).answer(org_id, request.receive, read))


def _find(connection: Connection, org_id: str, budget_id: str) -> StoredBudget:
    stored = read_budgets(connection, org_id).get(budget_id)
    if stored is None:
        raise unknown_budget(budget_id)
    return stored


def _condition(request: AnyRequest) -> Condition:
    """Return what the request says that it changes. Raises Unprocessable if it says two things."""
    if_none_match, if_match = (
        b",".join(header_values(request, name)).decode("latin-1").strip() for name in (b"if-none-match", b"if-match")
    )
    if if_none_match and (if_match or if_none_match != _ANY):
        raise Unprocessable("Send either 'If-None-Match: *' to create a budget, or 'If-Match' with its ETag.")
    # `If-Match: *` would change a version that the caller has not seen.
    version = if_match.removeprefix("W/").strip('"') if if_match and if_match != _ANY else None
    return Condition(is_new=bool(if_none_match), version=version)


def _render_conflict(_request: AnyRequest, conflict: BudgetConflict) -> Response[bytes]:
    present = None if conflict.stored is None else version_of(conflict.stored)
    status = conflict.status
    return problem_answer(
        BudgetProblem(title=status.phrase, status=status.value, detail=conflict.detail, present=present)
    )


budgets_router = Router(
    path="/",
    route_handlers=[get_budgets, get_budget, put_budget_, delete_budget_, get_allowance],
    exception_handlers={BudgetConflict: _render_conflict},
    tags=["Budgets"],
)
