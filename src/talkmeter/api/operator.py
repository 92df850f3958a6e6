"""`/operator/…`: all organizations of the platform, for its operators."""

from typing import IO, Final

from litestar import Response, Router, get
from litestar.openapi import ResponseSpec
from litestar.response import Stream

from talkmeter.api.auth.callers import RequiresScope
from talkmeter.api.auth.scopes import OPERATOR_READ
from talkmeter.api.conditional import present_of
from talkmeter.api.json_body import json_answer, service_of
from talkmeter.api.openapi import error_specs, json_spec
from talkmeter.api.parameters import FORMAT, ORGANIZATIONS, ORGANIZATIONS_PAGE, query_operation, read_parameters
from talkmeter.api.problems import AnyRequest
from talkmeter.api.query_pool import ended_by_disconnect
from talkmeter.billing.organization_list import (
    OrganizationList,
    read_organizations,
    read_organizations_query,
    sorted_usage,
)
from talkmeter.counting import COUNTERS, minutes
from talkmeter.db.engine import Connection
from talkmeter.period import format_day
from talkmeter.usage.figures import EXACT
from talkmeter.usage.formats import (
    FORMATS,
    MEDIA_TYPES,
    Cells,
    Column,
    OnProgress,
    require_parquet,
    write_rows,
)
from talkmeter.usage.parameters import read_choice

_OPERATOR: Final = ""
"""Whose queries they are: they share threads and space fairly with those of each organization."""
_COLUMNS: Final = (
    Column("organization_id", "text"),
    Column("name", "text"),
    *(Column(EXACT[counter], "integer") for counter in COUNTERS),
    Column("voice_minutes_rounded", "decimal"),
    Column("chat_minutes_rounded", "decimal"),
    Column("last_event_at", "instant"),
)


@get(
    "/operator/organizations",
    operation_id="listOrganizations",
    guards=[RequiresScope(OPERATOR_READ)],
    operation_class=query_operation(*ORGANIZATIONS, *ORGANIZATIONS_PAGE),
    responses={200: json_spec(OrganizationList, "A page of organizations."), **error_specs(401, 403, 422)},
    summary="List all organizations with their usage",
)
async def get_organizations(request: AnyRequest) -> Response[bytes]:
    """Return a page of all organizations with usage, cost, change and health; a month, or a range of UTC days."""
    parameters = read_parameters(request, *ORGANIZATIONS, *ORGANIZATIONS_PAGE)
    query = read_organizations_query(parameters, present_of(request))
    service = service_of(request)

    def read(connection: Connection) -> OrganizationList:
        return read_organizations(connection, query, service.database_id)

    return json_answer(await service.answer(_OPERATOR, request.receive, read))


@get(
    "/operator/organizations/export",
    operation_id="exportOrganizations",
    guards=[RequiresScope(OPERATOR_READ)],
    operation_class=query_operation(*ORGANIZATIONS, FORMAT, file_types=MEDIA_TYPES.values()),
    responses={
        200: ResponseSpec(
            data_container=bytes,
            media_type="application/octet-stream",
            description="The file, in the media type of its format.",
            generate_examples=False,
        ),
        **error_specs(401, 403, 422, 507),
    },
    summary="Export all organizations to a file",
)
async def export_organizations(request: AnyRequest) -> Stream:
    """Download the usage of all organizations that match the search, as CSV, JSON Lines or Parquet."""
    parameters = read_parameters(request, *ORGANIZATIONS, FORMAT)
    query = read_organizations_query(parameters, present_of(request))
    format_ = read_choice("format", parameters.get("format"), FORMATS, "csv")
    if format_ == "parquet":
        require_parquet()
    service = service_of(request)

    def write(connection: Connection, out: IO[bytes], on_progress: OnProgress) -> None:
        usages = (row.usage for row in sorted_usage(connection, query))
        rows: list[Cells] = [
            (
                *(one.org_id, one.name, *one.counters),
                *(minutes(one.counters.voice_ms), minutes(one.counters.chat_ms), one.last_event_at),
            )
            for one in usages
        ]
        write_rows(format_, _COLUMNS, rows, out, on_progress)

    async with ended_by_disconnect(request.receive):
        file = await service.exports.write(_OPERATOR, write)
    name = f"organizations_{format_day(query.first)}_{format_day(query.end)}.{format_}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Length": str(file.size),
        "Cache-Control": "private, no-store",
    }
    return Stream(file.chunks(), headers=headers, media_type=MEDIA_TYPES[format_])


operator_router = Router(path="/", route_handlers=[get_organizations, export_organizations], tags=["Operator"])
