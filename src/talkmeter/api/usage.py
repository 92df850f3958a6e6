"""`GET /admin/usage/…`: the page's questions, each answered in one snapshot."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Router, get
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter
from litestar.types import ASGIApp

from talkmeter import clock
from talkmeter.api.answer_cache import Question
from talkmeter.api.auth.callers import caller_of, organization_of, requires
from talkmeter.api.auth.scopes import BILLING_MANAGE
from talkmeter.api.etag import encoded, make_etag, unchanged
from talkmeter.api.headers import values_of
from talkmeter.api.openapi import documented, json_answer
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
    query_of,
    read_parameters,
)
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.errors import NotFound, shown
from talkmeter.ingest.fields import FieldError, read_id
from talkmeter.period import Present, present, read_window
from talkmeter.records import RecordKey
from talkmeter.usage.breakdown import Breakdown, read_breakdown
from talkmeter.usage.compare import compared_windows
from talkmeter.usage.connectors import Connectors, read_connectors
from talkmeter.usage.history import History, read_history
from talkmeter.usage.inventory import Items, read_items
from talkmeter.usage.parameters import (
    cut_to_day,
    read_filter,
    read_item_filter,
    read_limit,
    read_mode,
    read_record_kind,
    read_split,
)
from talkmeter.usage.records import Records, read_records
from talkmeter.usage.revision import Revision, read_revision
from talkmeter.usage.summary import Summary, read_summary

RECORDS_PATH: Final = "/admin/usage/records"
Answer = TypeVar("Answer")
_NOT_MODIFIED: Final = ResponseSpec(
    data_container=None, description="The answer at hand is still true.", generate_examples=False
)


@get(
    "/admin/usage/summary",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_of(*WINDOW, COMPARE, conditional=True),
    responses={
        200: json_answer(Summary, "The summary of the window."),
        304: _NOT_MODIFIED,
        **documented(401, 403, 422),
    },
    summary="Usage summary",
)
async def get_summary(request: AnyRequest) -> ASGIApp:
    """Activity between two instants, one point per UTC day, and the current inventory."""
    parameters = read_parameters(request, *WINDOW, COMPARE, strict=False)
    org_id = organization_of(caller_of(request))
    now = _present(request)
    window = read_window(parameters.get("from"), parameters.get("to"), now.now)
    mode = read_mode(parameters)

    def ask(connection: Connection, revision: Revision) -> Summary:
        return read_summary(connection, org_id, window, revision, now, mode)

    windows = compared_windows(window, mode, now.now)
    return await _answer(request, now, ask, "summary", window, windows)


@get(
    "/admin/usage/breakdown",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_of(*WINDOW, BY, *SPLIT, conditional=True),
    responses={
        200: json_answer(Breakdown, "The window's figures by value, the greatest first."),
        304: _NOT_MODIFIED,
        **documented(401, 403, 422),
    },
    summary="What drives the usage",
)
async def get_breakdown(request: AnyRequest) -> ASGIApp:
    """The figures of a window split by one dimension; rows and others add up to the summary."""
    parameters = read_parameters(request, *WINDOW, BY, *SPLIT)
    org_id = organization_of(caller_of(request))
    now = _present(request)
    window = read_window(parameters.get("from"), parameters.get("to"), now.now)
    split = read_split(parameters)

    def ask(connection: Connection, _revision: Revision) -> Breakdown:
        return read_breakdown(connection, org_id, window, split, now)

    windows = compared_windows(window, split.mode, now.now)
    return await _answer(request, now, ask, "breakdown", window, split, windows)


@get(
    RECORDS_PATH,
    before_request=requires(BILLING_MANAGE),
    operation_class=query_of(KIND, *WINDOW, *FILTER, LIMIT, CURSOR),
    responses={200: json_answer(Records, "A page of records, newest first."), **documented(401, 403, 422)},
    summary="The records behind a number",
)
async def get_records(request: AnyRequest) -> ASGIApp:
    """The records that make a figure, each with what it adds; they add up to the figure exactly."""
    parameters = read_parameters(request, KIND, *WINDOW, *FILTER, LIMIT, CURSOR)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    now = _present(request)
    window = cut_to_day(read_window(parameters.get("from"), parameters.get("to"), now.now), parameters)
    wanted, limit, cursor = read_filter(parameters), read_limit(parameters), parameters.get("cursor")

    def ask(connection: Connection) -> Records:
        revision = read_revision(connection, org_id, now)
        key = service.database_id
        return read_records(connection, org_id, window, wanted, revision, now, key=key, limit=limit, cursor=cursor)

    return encoded(msgspec.json.encode(await service.answer(ask)))


@get(
    RECORDS_PATH + "/{kind:str}/{record_id:path}",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_of(),
    responses={
        200: json_answer(History, "Every state of the record, the winning one first."),
        **documented(401, 403, 404, 422),
    },
    summary="The history of a record",
)
async def get_record(
    request: AnyRequest,
    kind: Annotated[str, PathParameter(description="The kind of the record.")],
    record_id: Annotated[str, PathParameter(description="Its id, percent-encoded.")],  # noqa: ARG001  read as it was sent
) -> ASGIApp:
    """Every state ever received for a record, in order of rank, and which one wins and why."""
    return await _history(request, kind)


@get(RECORDS_PATH + "/{kind:str}", before_request=requires(BILLING_MANAGE), include_in_schema=False)
async def get_record_of_slashes(
    request: AnyRequest, kind: Annotated[str, PathParameter(description="The kind of the record.")]
) -> ASGIApp:
    """The same for an id of nothing but slashes, of which routing leaves no part."""
    return await _history(request, kind)


async def _history(request: AnyRequest, kind: str) -> ASGIApp:
    read_parameters(request)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    key = RecordKey(read_record_kind(kind), _last_part(request, kind))

    def ask(connection: Connection) -> History:
        return read_history(connection, org_id, key, service.settings.history_days)

    return encoded(msgspec.json.encode(await service.answer(ask)))


@get(
    "/admin/usage/inventory",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_of(*ITEMS, LIMIT, CURSOR),
    responses={200: json_answer(Items, "A page of items, in order of their ids."), **documented(401, 403, 422)},
    summary="The items behind an inventory card",
)
async def get_inventory(request: AnyRequest) -> ASGIApp:
    """What an inventory card counts, item by item."""
    parameters = read_parameters(request, *ITEMS, LIMIT, CURSOR)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    now = _present(request)
    wanted, limit, cursor = read_item_filter(parameters), read_limit(parameters), parameters.get("cursor")

    def ask(connection: Connection) -> Items:
        revision = read_revision(connection, org_id, now)
        return read_items(connection, org_id, wanted, revision, key=service.database_id, limit=limit, cursor=cursor)

    return encoded(msgspec.json.encode(await service.answer(ask)))


@get(
    "/admin/usage/connectors",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_of(),
    responses={
        200: json_answer(Connectors, "Each connector, those in use first."),
        **documented(401, 403, 422),
    },
    summary="How the connectors are doing",
)
async def get_connectors(request: AnyRequest) -> ASGIApp:
    """What became of the messages of the organization's connectors, and which of them have gone silent."""
    read_parameters(request)
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    now = clock.now()

    def ask(connection: Connection) -> Connectors:
        return read_connectors(connection, org_id, now)

    return encoded(msgspec.json.encode(await service.answer(ask)))


async def _answer(
    request: AnyRequest, now: Present, ask: Callable[[Connection, Revision], object], route: str, *query: object
) -> ASGIApp:
    """An answer that the caller may have at hand: what it depends on is read first, and 304 says it still holds."""
    service: Service = request.app.state.service
    org_id = organization_of(caller_of(request))
    known = b",".join(values_of(request, b"if-none-match")).decode("latin-1")

    def etag_of(revision: Revision) -> str:
        return make_etag(service.database_id, org_id, revision, route, now.today, now.stale_hours, *query)

    question = Question(org_id, now, etag_of, ask)
    etag, answer = await service.answer_by(partial(service.answers.answer, question, known))
    return unchanged(etag) if answer is None else encoded(answer, etag)


def _present(request: AnyRequest) -> Present:
    service: Service = request.app.state.service
    return present(clock.now(), service.settings.stale_hours)


def _last_part(request: AnyRequest, kind: str) -> str:
    """The id at the end of the path as it was sent: routing has taken slashes for its own, an id may hold any."""
    raw: bytes = request.scope["raw_path"].partition(b"?")[0]
    encoded = raw.partition(f"{RECORDS_PATH}/".encode())[2].partition(b"/")[2]
    try:
        return read_id("The id", unquote_to_bytes(encoded).decode())
    except (UnicodeDecodeError, FieldError):
        raise NotFound(f"Nothing was received for the {kind} {shown(encoded.decode('ascii', 'replace'))}.") from None


usage_router = Router(
    path="/",
    route_handlers=[
        get_summary,
        get_breakdown,
        get_records,
        get_record,
        get_record_of_slashes,
        get_inventory,
        get_connectors,
    ],
    tags=["Usage"],
    security=[{"bearer": []}],
)
