"""`GET /admin/usage/…`: the queries of the page and the CLI, each answered from one database snapshot."""

from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Response, Router, get
from litestar.params import PathParameter

from talkmeter import clock
from talkmeter.api.auth.callers import RequiresScope, caller_of, organization_of, require_scope
from talkmeter.api.auth.scopes import BILLING_MANAGE, CHILD_ORGANIZATIONS_MANAGE
from talkmeter.api.compression import Encoded, accepted_coding, compress
from talkmeter.api.conditional import NOT_MODIFIED, answer_query, present_of
from talkmeter.api.etag import json_response
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.parameters import (
    BREAKDOWN_BY,
    COMPARE,
    CURSOR,
    FILTER,
    INTERVAL,
    ITEMS,
    KIND,
    LIMIT,
    SEARCH,
    SPLIT,
    SUBTREE,
    VALUE_FILTER,
    WINDOW,
    query_operation,
    read_parameters,
)
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.errors import NotFound, quoted
from talkmeter.ingest.fields import FieldError, read_id
from talkmeter.period import read_window
from talkmeter.records import Kind, RecordKey
from talkmeter.usage.breakdown_answers import Breakdown
from talkmeter.usage.breakdown_query import breakdown_query
from talkmeter.usage.connectors import Connectors, read_connectors
from talkmeter.usage.dimensions import BREAKDOWNS
from talkmeter.usage.filtered_summary import AnySummary
from talkmeter.usage.history import History, read_history
from talkmeter.usage.inventory import Items, read_items
from talkmeter.usage.parameters import (
    cut_to_day,
    read_breakdown_options,
    read_filter,
    read_flag,
    read_interval,
    read_item_filter,
    read_limit,
    read_mode,
    read_record_kind,
    read_value_filter,
)
from talkmeter.usage.records import Records, read_records
from talkmeter.usage.revision import read_revision
from talkmeter.usage.series import Series, series_query
from talkmeter.usage.subtree import MemberOrganizations, read_member_organizations
from talkmeter.usage.summary import summary_query

RECORDS_PATH: Final = "/admin/usage/records"
_SUMMARY: Final = (*WINDOW, COMPARE, *VALUE_FILTER, SUBTREE)
_BREAKDOWN: Final = (*WINDOW, BREAKDOWN_BY, *SPLIT, *VALUE_FILTER, SEARCH, CURSOR)


@get(
    "/admin/usage/summary",
    operation_id="getUsageSummary",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(*_SUMMARY, conditional=True),
    responses={
        200: json_spec(AnySummary, "The summary of the window."),
        304: NOT_MODIFIED,
        **error_specs(401, 403, 422),
    },
    summary="Get the usage summary",
)
async def get_summary(request: AnyRequest) -> Response[bytes]:
    """Return the activity between two instants and one point per UTC day; without a filter, also the inventory."""
    parameters = read_parameters(request, *_SUMMARY)
    subtree = read_flag("subtree", parameters) or False
    if subtree:
        require_scope(caller_of(request), CHILD_ORGANIZATIONS_MANAGE)
    org_id, present = organization_of(caller_of(request)), present_of(request)
    window = read_window(parameters.get("from"), parameters.get("to"), present.now)
    mode, filter_ = read_mode(parameters), read_value_filter(parameters)
    return await answer_query(request, summary_query(org_id, window, present, mode, filter_, subtree=subtree))


@get(
    "/admin/usage/series",
    operation_id="getUsageSeries",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(*WINDOW, INTERVAL, COMPARE, *VALUE_FILTER, conditional=True),
    responses={
        200: json_spec(Series, "The activity of the window by interval."),
        304: NOT_MODIFIED,
        **error_specs(401, 403, 422),
    },
    summary="Get a usage time series",
)
async def get_series(request: AnyRequest) -> Response[bytes]:
    """Return the activity between two instants by hour, day, week or month; the points add up to the totals."""
    parameters = read_parameters(request, *WINDOW, INTERVAL, COMPARE, *VALUE_FILTER)
    org_id, present = organization_of(caller_of(request)), present_of(request)
    window = read_window(parameters.get("from"), parameters.get("to"), present.now)
    interval, mode, filter_ = read_interval(parameters), read_mode(parameters), read_value_filter(parameters)
    return await answer_query(request, series_query(org_id, window, present, interval, mode, filter_))


@get(
    "/admin/usage/breakdown",
    operation_id="getUsageBreakdown",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(*_BREAKDOWN, conditional=True),
    responses={
        200: json_spec(Breakdown, "The window's figures by value, largest first."),
        304: NOT_MODIFIED,
        **error_specs(401, 403, 422),
    },
    summary="Get a usage breakdown",
)
async def get_breakdown(request: AnyRequest) -> Response[bytes]:
    """Return the figures of a window grouped by one dimension; the rows and `others` add up to the summary."""
    parameters = read_parameters(request, *_BREAKDOWN)
    if parameters.get("by") == "organization":
        require_scope(caller_of(request), CHILD_ORGANIZATIONS_MANAGE)
    org_id, present = organization_of(caller_of(request)), present_of(request)
    window = read_window(parameters.get("from"), parameters.get("to"), present.now)
    options = read_breakdown_options(parameters, BREAKDOWNS)
    return await answer_query(request, breakdown_query(org_id, window, present, options))


@get(
    RECORDS_PATH,
    operation_id="listRecords",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(KIND, *WINDOW, *FILTER, LIMIT, CURSOR),
    responses={200: json_spec(Records, "A page of records, newest first."), **error_specs(401, 403, 422)},
    summary="List the records behind a figure",
)
async def get_records(request: AnyRequest) -> Response[bytes]:
    """Return the records of a figure, each with its contribution; the contributions add up to the figure exactly."""
    parameters = read_parameters(request, KIND, *WINDOW, *FILTER, LIMIT, CURSOR)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    present = present_of(request)
    window = cut_to_day(read_window(parameters.get("from"), parameters.get("to"), present.now), parameters)
    filter_, limit, cursor = read_filter(parameters), read_limit(parameters), parameters.get("cursor")

    def read(connection: Connection) -> Records:
        revision = read_revision(connection, org_id, present)
        key = service.database_id
        return read_records(connection, org_id, window, filter_, revision, present, key=key, limit=limit, cursor=cursor)

    return await _answer_uncached(request, org_id, read)


@get(
    RECORDS_PATH + "/{kind:str}/{record_id:path}",
    operation_id="getRecordHistory",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    responses={
        200: json_spec(History, "All states of the record, the winning state first."),
        **error_specs(401, 403, 404, 422),
    },
    summary="Get the history of a record",
)
async def get_record(
    request: AnyRequest,
    kind: Annotated[str, PathParameter(description="The kind of the record.", schema_extra={"enum": [*Kind]})],
    record_id: Annotated[str, PathParameter(description="The percent-encoded id.")],  # noqa: ARG001  read from raw_path
) -> Response[bytes]:
    """Return all states received for a record, in order of rank, and why the winning state wins."""
    return await _history(request, kind)


@get(RECORDS_PATH + "/{kind:str}", guards=[RequiresScope(BILLING_MANAGE)], include_in_schema=False)
async def get_record_with_slash_id(
    request: AnyRequest, kind: Annotated[str, PathParameter(description="The kind of the record.")]
) -> Response[bytes]:
    """Handle ids that consist of slashes only: routing drops them from the path."""
    return await _history(request, kind)


async def _history(request: AnyRequest, kind: str) -> Response[bytes]:
    read_parameters(request)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    key = RecordKey(read_record_kind(kind), _record_id(request, kind))

    def read(connection: Connection) -> History:
        return read_history(connection, org_id, key, service.settings.history_days)

    return await _answer_uncached(request, org_id, read)


@get(
    "/admin/usage/inventory",
    operation_id="listInventory",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(*ITEMS, LIMIT, CURSOR),
    responses={200: json_spec(Items, "A page of items, in order of their ids."), **error_specs(401, 403, 422)},
    summary="List the items behind an inventory figure",
)
async def get_inventory(request: AnyRequest) -> Response[bytes]:
    """Return the items that an inventory figure of the summary counts."""
    parameters = read_parameters(request, *ITEMS, LIMIT, CURSOR)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    present = present_of(request)
    filter_, limit, cursor = read_item_filter(parameters), read_limit(parameters), parameters.get("cursor")

    def read(connection: Connection) -> Items:
        revision = read_revision(connection, org_id, present)
        return read_items(connection, org_id, filter_, revision, key=service.database_id, limit=limit, cursor=cursor)

    return await _answer_uncached(request, org_id, read)


@get(
    "/admin/usage/connectors",
    operation_id="listConnectors",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(),
    responses={
        200: json_spec(Connectors, "The connectors, active ones first."),
        **error_specs(401, 403, 422),
    },
    summary="List the connectors and their health",
)
async def get_connectors(request: AnyRequest) -> Response[bytes]:
    """Return the message outcomes of each connector, and which connectors have gone silent."""
    read_parameters(request)
    org_id = organization_of(caller_of(request))
    now = clock.now()

    def read(connection: Connection) -> Connectors:
        return read_connectors(connection, org_id, now)

    return await _answer_uncached(request, org_id, read)


@get(
    "/admin/usage/organizations",
    operation_id="listSubtree",
    guards=[RequiresScope(CHILD_ORGANIZATIONS_MANAGE)],
    operation_class=query_operation(),
    responses={
        200: json_spec(MemberOrganizations, "The organization and those below it."),
        **error_specs(401, 403, 422),
    },
    summary="List the organizations of the subtree",
)
async def get_organizations(request: AnyRequest) -> Response[bytes]:
    """Return the organization and all that are below it now: the root first, then level by level."""
    read_parameters(request)
    org_id = organization_of(caller_of(request))

    def read(connection: Connection) -> MemberOrganizations:
        return read_member_organizations(connection, org_id)

    return await _answer_uncached(request, org_id, read)


async def _answer_uncached(request: AnyRequest, org_id: str, read: Callable[[Connection], object]) -> Response[bytes]:
    """Answer a query from the database; its thread also encodes and compresses the answer."""
    service: Service = request.app.state.service
    coding = accepted_coding(request)

    def encode(connection: Connection) -> Encoded:
        return compress(msgspec.json.encode(read(connection)), coding)

    return json_response(await service.answer(org_id, request.receive, encode))


def _record_id(request: AnyRequest, kind: str) -> str:
    """Return the id from the raw path: it may contain slashes, which routing normalizes."""
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    encoded = raw.partition(f"{RECORDS_PATH}/".encode())[2].partition(b"/")[2]
    try:
        return read_id("The id", unquote_to_bytes(encoded).decode())
    except (UnicodeDecodeError, FieldError):
        raise NotFound(f"No event was received for {kind} {quoted(encoded.decode('ascii', 'replace'))}.") from None


usage_router = Router(
    path="/",
    route_handlers=[
        get_summary,
        get_series,
        get_breakdown,
        get_records,
        get_record,
        get_record_with_slash_id,
        get_inventory,
        get_connectors,
        get_organizations,
    ],
    tags=["Usage"],
)
