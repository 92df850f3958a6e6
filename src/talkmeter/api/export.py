"""`GET /admin/usage/export`: days, records or a breakdown as a file to download."""

from typing import IO

from litestar import Router, get
from litestar.openapi import ResponseSpec
from litestar.response import Stream

from talkmeter import clock
from talkmeter.api.auth.callers import RequiresScope, caller_of, organization_of
from talkmeter.api.auth.scopes import BILLING_MANAGE
from talkmeter.api.headers import query_parameters
from talkmeter.api.openapi import error_specs
from talkmeter.api.parameters import (
    BY,
    EXPORT_KIND,
    FILTER,
    FORMAT,
    OF,
    ORDER,
    VALUE_FILTER,
    WINDOW,
    query_operation,
    read_parameters,
)
from talkmeter.api.problems import AnyRequest
from talkmeter.api.query_pool import ended_by_disconnect
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.period import present
from talkmeter.usage.export import file_name, read_export, write_export
from talkmeter.usage.formats import MEDIA_TYPES, OnProgress

_ALL = (OF, FORMAT, *WINDOW, EXPORT_KIND, *FILTER, BY, ORDER)
_PARAMETERS = {
    "daily": (OF, FORMAT, *WINDOW, *VALUE_FILTER),
    "records": (OF, FORMAT, *WINDOW, EXPORT_KIND, *FILTER),
    "breakdown": (OF, FORMAT, *WINDOW, BY, ORDER, *VALUE_FILTER),
}


@get(
    "/admin/usage/export",
    operation_id="exportUsage",
    guards=[RequiresScope(BILLING_MANAGE)],
    operation_class=query_operation(
        *(parameter._replace(required=parameter is OF) for parameter in _ALL), file_types=MEDIA_TYPES.values()
    ),
    responses={
        200: ResponseSpec(
            data_container=bytes,
            media_type="application/octet-stream",
            description="The file, in the media type of its format.",
            generate_examples=False,
        ),
        **error_specs(401, 403, 422, 507),
    },
    summary="Export usage to a file",
)
async def get_export(request: AnyRequest) -> Stream:
    """Download days, records or a breakdown as CSV, JSON Lines or Parquet; the exact columns add up to the summary."""
    content = dict(query_parameters(request)).get("of", "")
    parameters = read_parameters(request, *_PARAMETERS.get(content, _ALL))
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    now = present(clock.now(), service.settings.stale_hours)
    export = read_export(parameters, now.now)

    def write(connection: Connection, out: IO[bytes], on_progress: OnProgress) -> None:
        write_export(connection, org_id, export, now, out, on_progress)

    async with ended_by_disconnect(request.receive):
        file = await service.exports.write(org_id, write)
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(org_id, export)}"',
        "Content-Length": str(file.size),
        "Cache-Control": "private, no-store",
    }
    return Stream(file.chunks(), headers=headers, media_type=MEDIA_TYPES[export.format])


export_router = Router(path="/", route_handlers=[get_export], tags=["Usage"])
