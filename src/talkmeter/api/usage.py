"""`GET /admin/usage/summary`: the page's one question."""

from typing import Annotated

import msgspec
from litestar import Response, Router, get
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter

from talkmeter import clock
from talkmeter.api.auth import ORGANIZATION_HEADER, caller_of, organization_of, requires
from talkmeter.api.etag import CACHE_HEADERS, make_etag, matches
from talkmeter.api.openapi import QueryOperation, documented, json_answer
from talkmeter.api.problems import AnyRequest
from talkmeter.api.scopes import BILLING_MANAGE
from talkmeter.api.service import Service
from talkmeter.errors import Unprocessable
from talkmeter.ledger.engine import Connection
from talkmeter.period import read_window
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import Summary, read_summary

Bound = Annotated[
    str | None,
    QueryParameter(description="ISO 8601 date or date-time; no offset means UTC; both bounds missing: month to date."),
]
OrganizationHeader = Annotated[
    str | None,
    HeaderParameter(name=ORGANIZATION_HEADER, description="The organization; required with a personal access token."),
]
OrganizationParameter = Annotated[str | None, QueryParameter(description="The same as the header X-Anyreach-Org.")]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match", description="The ETag of an answer at hand.")]


@get(
    "/admin/usage/summary",
    guards=[requires(BILLING_MANAGE)],
    operation_class=QueryOperation,
    responses={
        200: json_answer(Summary, "The summary of the window."),
        304: ResponseSpec(
            data_container=None, description="The answer at hand is still true.", generate_examples=False
        ),
        **documented(401, 403, 422),
    },
    summary="Usage summary",
)
async def get_summary(
    request: AnyRequest,
    from_: Annotated[str | None, QueryParameter(name="from", description="Start of the window, included.")] = None,
    to: Bound = None,
    organization: OrganizationHeader = None,  # noqa: ARG001  the guard reads it; here it is described
    organization_id: OrganizationParameter = None,  # noqa: ARG001  as above
    if_none_match: IfNoneMatch = None,  # noqa: ARG001  read below with all its lines; here it is described
) -> Response[bytes]:
    """Activity between two instants, one point per UTC day, and the current inventory."""
    service: Service = request.app.state.service
    org_id = organization_of(caller_of(request))
    for name in ("from", "to"):
        if len(request.query_params.getall(name, [])) > 1:
            raise Unprocessable(f"'{name}' is given more than once.")
    window = read_window(from_, to, clock.now())
    known = ",".join(request.headers.getall("if-none-match", []))

    def ask(connection: Connection) -> tuple[str, bytes | None]:
        revision = read_revision(connection, org_id)
        etag = make_etag(service.database_id, org_id, revision, "summary", *window)
        if matches(known, etag):
            return etag, None
        return etag, msgspec.json.encode(read_summary(connection, org_id, window, revision))

    etag, answer = await service.read(ask)
    headers = {"ETag": etag, **CACHE_HEADERS}
    if answer is None:
        return Response(content=b"", status_code=304, headers=headers)
    return Response(content=answer, media_type="application/json", headers=headers)


usage_router = Router(path="/", route_handlers=[get_summary], tags=["Usage"], security=[{"bearer": []}])
