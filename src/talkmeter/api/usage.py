"""`GET /admin/usage/…`: the queries of the page and the CLI, each answered from one database snapshot."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Router, get
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter
from litestar.types import ASGIApp

from talkmeter import clock, period
from talkmeter.api.answer_cache import Query
from talkmeter.api.auth.callers import caller_of, organization_of, requires
from talkmeter.api.auth.scopes import BILLING_MANAGE
from talkmeter.api.etag import json_response, make_etag, not_modified
from talkmeter.api.headers import header_values
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.parameters import (
    BY,
    COMPARE,
    CURSOR,
    FILTER,
    ITEMS,
    KIND,
    LIMIT,
    SPLIT,
    WINDOW,
    query_operation,
    read_parameters,
)
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.errors import NotFound, quoted
from talkmeter.ingest.fields import FieldError, read_id
from talkmeter.period import Present, read_window
from talkmeter.records import RecordKey
from talkmeter.usage.breakdown import Breakdown, read_breakdown
from talkmeter.usage.compare import compared_windows
from talkmeter.usage.connectors import Connectors, read_connectors
from talkmeter.usage.history import History, read_history
from talkmeter.usage.inventory import Items, read_items
from talkmeter.usage.parameters import (
    cut_to_day,
    read_breakdown_query,
    read_filter,
    read_item_filter,
    read_limit,
    read_mode,
    read_record_kind,
)
from talkmeter.usage.records import Records, read_records
from talkmeter.usage.revision import Revision, read_revision
from talkmeter.usage.summary import Summary, read_summary

RECORDS_PATH: Final = "/admin/usage/records"
_NOT_MODIFIED: Final = ResponseSpec(
    data_container=None, description="Not modified: the cached response is current.", generate_examples=False
)


@get(
    "/admin/usage/summary",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_operation(*WINDOW, COMPARE, conditional=True),
    responses={
        200: json_spec(Summary, "The summary of the window."),
        304: _NOT_MODIFIED,
        **error_specs(401, 403, 422),
    },
    summary="Usage summary",
)
async def get_summary(request: AnyRequest) -> ASGIApp:
    """Return the activity between two instants, one point per UTC day, and the current inventory."""
    parameters = read_parameters(request, *WINDOW, COMPARE, strict=False)
    org_id = organization_of(caller_of(request))
    present = _present(request)
    window = read_window(parameters.get("from"), parameters.get("to"), present.now)
    mode = read_mode(parameters)

    def read(connection: Connection, revision: Revision) -> Summary:
        return read_summary(connection, org_id, window, revision, present, mode)

    windows = compared_windows(window, mode, present.now)
    return await _cached_answer(request, present, read, "summary", window, windows)


@get(
    "/admin/usage/breakdown",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_operation(*WINDOW, BY, *SPLIT, conditional=True),
    responses={
        200: json_spec(Breakdown, "The window's figures by value, largest first."),
        304: _NOT_MODIFIED,
        **error_specs(401, 403, 422),
    },
    summary="Usage breakdown",
)
async def get_breakdown(request: AnyRequest) -> ASGIApp:
    """Return the figures of a window grouped by one dimension; `rows` and `others` add up to the summary."""
    parameters = read_parameters(request, *WINDOW, BY, *SPLIT)
    org_id = organization_of(caller_of(request))
    present = _present(request)
    window = read_window(parameters.get("from"), parameters.get("to"), present.now)
    query = read_breakdown_query(parameters)

    def read(connection: Connection, _revision: Revision) -> Breakdown:
        return read_breakdown(connection, org_id, window, query, present)

    windows = compared_windows(window, query.mode, present.now)
    return await _cached_answer(request, present, read, "breakdown", window, query, windows)


@get(
    RECORDS_PATH,
    before_request=requires(BILLING_MANAGE),
    operation_class=query_operation(KIND, *WINDOW, *FILTER, LIMIT, CURSOR),
    responses={200: json_spec(Records, "A page of records, newest first."), **error_specs(401, 403, 422)},
    summary="The records behind a number",
)
async def get_records(request: AnyRequest) -> ASGIApp:
    """Return the records of a figure, each with its contribution; the contributions add up to the figure exactly."""
    parameters = read_parameters(request, KIND, *WINDOW, *FILTER, LIMIT, CURSOR)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    present = _present(request)
    window = cut_to_day(read_window(parameters.get("from"), parameters.get("to"), present.now), parameters)
    filter_, limit, cursor = read_filter(parameters), read_limit(parameters), parameters.get("cursor")

    def read(connection: Connection) -> Records:
        revision = read_revision(connection, org_id, present)
        key = service.database_id
        return read_records(connection, org_id, window, filter_, revision, present, key=key, limit=limit, cursor=cursor)

    return json_response(msgspec.json.encode(await service.answer(read)))


@get(
    RECORDS_PATH + "/{kind:str}/{record_id:path}",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_operation(),
    responses={
        200: json_spec(History, "All states of the record, the winning state first."),
        **error_specs(401, 403, 404, 422),
    },
    summary="The history of a record",
)
async def get_record(
    request: AnyRequest,
    kind: Annotated[str, PathParameter(description="The kind of the record.")],
    record_id: Annotated[str, PathParameter(description="The percent-encoded id.")],  # noqa: ARG001  read from raw_path
) -> ASGIApp:
    """Return all states received for a record, in order of rank, and why the winning state wins."""
    return await _history(request, kind)


@get(RECORDS_PATH + "/{kind:str}", before_request=requires(BILLING_MANAGE), include_in_schema=False)
async def get_record_with_slash_id(
    request: AnyRequest, kind: Annotated[str, PathParameter(description="The kind of the record.")]
) -> ASGIApp:
    """Handle ids that consist of slashes only: routing drops them from the path."""
    return await _history(request, kind)


async def _history(request: AnyRequest, kind: str) -> ASGIApp:
    read_parameters(request)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    key = RecordKey(read_record_kind(kind), _record_id(request, kind))

    def read(connection: Connection) -> History:
        return read_history(connection, org_id, key, service.settings.history_days)

    return json_response(msgspec.json.encode(await service.answer(read)))


@get(
    "/admin/usage/inventory",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_operation(*ITEMS, LIMIT, CURSOR),
    responses={200: json_spec(Items, "A page of items, in order of their ids."), **error_specs(401, 403, 422)},
    summary="The items behind an inventory card",
)
async def get_inventory(request: AnyRequest) -> ASGIApp:
    """Return the items that an inventory card counts."""
    parameters = read_parameters(request, *ITEMS, LIMIT, CURSOR)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    present = _present(request)
    filter_, limit, cursor = read_item_filter(parameters), read_limit(parameters), parameters.get("cursor")

    def read(connection: Connection) -> Items:
        revision = read_revision(connection, org_id, present)
        return read_items(connection, org_id, filter_, revision, key=service.database_id, limit=limit, cursor=cursor)

    return json_response(msgspec.json.encode(await service.answer(read)))


@get(
    "/admin/usage/connectors",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_operation(),
    responses={
        200: json_spec(Connectors, "The connectors, active ones first."),
        **error_specs(401, 403, 422),
    },
    summary="Connector health",
)
async def get_connectors(request: AnyRequest) -> ASGIApp:
    """Return the message outcomes of each connector, and which connectors have gone silent."""
    read_parameters(request)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    now = clock.now()

    def read(connection: Connection) -> Connectors:
        return read_connectors(connection, org_id, now)

    return json_response(msgspec.json.encode(await service.answer(read)))


async def _cached_answer(
    request: AnyRequest, present: Present, read: Callable[[Connection, Revision], object], route: str, *query: object
) -> ASGIApp:
    """Answer from the cache or the database, or with 304 if the caller's ETag is current."""
    service: Service = request.app.state.service
    org_id = organization_of(caller_of(request))
    if_none_match = b",".join(header_values(request, b"if-none-match")).decode("latin-1")

    def etag_for(revision: Revision) -> str:
        return make_etag(service.database_id, org_id, revision, route, present.today, present.stale_hours, *query)

    cached_query = Query(org_id, present, etag_for, read)
    etag, body = await service.answer_with(partial(service.answer_cache.answer, cached_query, if_none_match))
    return not_modified(etag) if body is None else json_response(body, etag)


def _present(request: AnyRequest) -> Present:
    service: Service = request.app.state.service
    return period.present(clock.now(), service.settings.stale_hours)


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
        get_breakdown,
        get_records,
        get_record,
        get_record_with_slash_id,
        get_inventory,
        get_connectors,
    ],
    tags=["Usage"],
    security=[{"bearer": []}],
)
