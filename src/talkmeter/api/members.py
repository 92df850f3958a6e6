"""`GET /admin/members/me/scopes`: what the caller may do."""

import msgspec
from litestar import Router, get
from litestar.types import ASGIApp

from talkmeter.api.auth import caller_of, requires
from talkmeter.api.etag import encoded
from talkmeter.api.openapi import documented, json_answer
from talkmeter.api.problems import AnyRequest


@get(
    "/admin/members/me/scopes",
    before_request=requires(None),
    responses={200: json_answer(list[str], "Concrete scope names, sorted."), **documented(401, 403, 422)},
    summary="The caller's scopes",
)
async def get_my_scopes(request: AnyRequest) -> ASGIApp:
    """The caller's scopes in the organization of the request: a flat list of concrete names, never a pattern."""
    scopes = sorted(caller_of(request).scopes)
    return encoded(msgspec.json.encode(scopes))


members_router = Router(path="/", route_handlers=[get_my_scopes], tags=["Usage"], security=[{"bearer": []}])
