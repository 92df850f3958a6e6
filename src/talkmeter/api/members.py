"""`GET /admin/members/me/scopes`: what the caller may do."""

import msgspec
from litestar import Response, Router, get

from talkmeter.api.auth import caller_of, requires
from talkmeter.api.etag import CACHE_HEADERS
from talkmeter.api.openapi import documented, json_answer
from talkmeter.api.problems import AnyRequest


@get(
    "/admin/members/me/scopes",
    guards=[requires(None)],
    responses={200: json_answer(list[str], "Concrete scope names, sorted."), **documented(401, 403, 422)},
    summary="The caller's scopes",
)
async def get_my_scopes(request: AnyRequest) -> Response[bytes]:
    """The caller's scopes in the organization of the request: a flat list of concrete names, never a pattern."""
    scopes = sorted(caller_of(request).scopes)
    return Response(content=msgspec.json.encode(scopes), media_type="application/json", headers=CACHE_HEADERS)


members_router = Router(path="/", route_handlers=[get_my_scopes], tags=["Usage"], security=[{"bearer": []}])
