"""`GET /admin/usage/export`: everything an answer is made of, as a file to download."""

from typing import IO

from litestar import Router, get
from litestar.openapi import ResponseSpec
from litestar.response import Stream

from talkmeter import clock
from talkmeter.api.auth.callers import caller_of, organization_of, requires
from talkmeter.api.auth.scopes import BILLING_MANAGE
from talkmeter.api.openapi import documented
from talkmeter.api.parameters import BY, FILTER, FORMAT, KIND_OF_EXPORT, OF, ORDER, WINDOW, query_of, read_parameters
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.period import present
from talkmeter.usage.export import file_name, read_export, write_export
from talkmeter.usage.formats import MEDIA_TYPES, AfterPart

_ALL = (OF, FORMAT, *WINDOW, KIND_OF_EXPORT, *FILTER, BY, ORDER)
_PARAMETERS = {
    "daily": (OF, FORMAT, *WINDOW),
    "records": (OF, FORMAT, *WINDOW, KIND_OF_EXPORT, *FILTER),
    "breakdown": (OF, FORMAT, *WINDOW, BY, ORDER),
}


@get(
    "/admin/usage/export",
    before_request=requires(BILLING_MANAGE),
    operation_class=query_of(*(one._replace(required=one is OF) for one in _ALL), files=MEDIA_TYPES.values()),
    responses={
        200: ResponseSpec(
            data_container=bytes,
            media_type="application/octet-stream",
            description="The file, in the media type of its format.",
            generate_examples=False,
        ),
        **documented(401, 403, 422, 507),
    },
    summary="Export usage",
)
async def get_export(request: AnyRequest) -> Stream:
    """Days, records or a breakdown as CSV, JSON lines or Parquet; its exact columns add up to the summary."""
    asked = request.query_params.get("of", "")
    parameters = read_parameters(request, *_PARAMETERS.get(asked, _ALL))
    org_id = organization_of(caller_of(request))
    service: Service = request.app.state.service
    now = present(clock.now(), service.settings.stale_hours)
    export = read_export(parameters, now.now)

    def write(connection: Connection, out: IO[bytes], after_part: AfterPart) -> None:
        write_export(connection, org_id, export, now, out, after_part)

    held = await service.exports.write(org_id, write)
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name(org_id, export)}"',
        "Content-Length": str(held.size),
        "Cache-Control": "private, no-store",
    }
    return Stream(held.chunks(), headers=headers, media_type=MEDIA_TYPES[export.format])


export_router = Router(path="/", route_handlers=[get_export], tags=["Usage"], security=[{"bearer": []}])
