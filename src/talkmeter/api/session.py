"""`/session` and the caller's scopes: sign in with a one-time link or a pasted credential, read the session, sign out.

What changes a session is refused unless the request comes from the page itself, so that no other site can sign a
browser in (as somebody else) or out.
"""

from typing import Annotated, Final

import msgspec
import structlog
from litestar import Response, Router, delete, get, post
from litestar.datastructures import Cookie
from litestar.types import ASGIApp

from talkmeter import clock
from talkmeter.accounts.sessions import LINK_MINUTES, Session, redeem_link
from talkmeter.api.auth.callers import Authenticator, caller_of, named_organizations, requires
from talkmeter.api.auth.grant import Grant
from talkmeter.api.auth.scopes import expand
from talkmeter.api.body import read_body
from talkmeter.api.etag import encoded
from talkmeter.api.openapi import SignInOperation, documented, json_answer
from talkmeter.api.problems import AnyRequest
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.errors import BadRequest, Forbidden, NotAuthenticated, Unprocessable, UnsupportedMediaType
from talkmeter.ingest.requests import PLAIN
from talkmeter.ledger.organizations import names_of
from talkmeter.period import format_instant
from talkmeter.settings import Settings, public_url

MAX_BODY_BYTES: Final = 4_096
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Cookie"}
_WHAT_TO_SEND: Final = (
    'Send either {"link": "…"} with the secret of a sign-in link, or a credential in the header Authorization.'
)
_log = structlog.get_logger()


class NamedOrganization(msgspec.Struct, frozen=True):
    """An organization that the session reaches; `name` is its id where it has no other."""

    id: str
    name: str


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """Who a browser is signed in as; `organization` is the one to begin with."""

    signed_in: bool
    organizations: list[NamedOrganization]
    organization: str | None
    expires_at: Annotated[str | None, msgspec.Meta(description="When it ends at the latest, ISO 8601 in UTC.")]
    plans_url: Annotated[str | None, msgspec.Meta(description="Where the operator's plans and billing are.")]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a sign-in by link."""

    link: Annotated[str, msgspec.Meta(min_length=1, max_length=200, description="What follows #sign-in= in the link.")]


@get("/session", responses={200: json_answer(SessionState, "The session."), **documented()}, summary="The session")
async def get_session(request: AnyRequest) -> Response[bytes]:
    """Whether this browser is signed in, and which organizations it reaches; 200 in either case."""
    sessions = _authenticator(request).sessions
    return await _state(request, await sessions.find(request))


@post(
    "/session",
    status_code=200,
    operation_class=SignInOperation,
    responses={
        200: json_answer(SessionState, "The session that began."),
        **documented(400, 401, 403, 408, 413, 415, 422, 507),
    },
    summary="Sign in",
)
async def post_session(request: AnyRequest) -> Response[bytes]:
    """Begin a session with a one-time link or a bearer credential; the answer sets its cookie."""
    authenticator = _authenticator(request)
    _refuse_other_sites(request)
    link = await _read_link(request)
    authorization = request.headers.get("authorization")
    if (link is None) == (authorization is None):
        raise Unprocessable(_WHAT_TO_SEND)
    reach = await authenticator.bearer_grant(authorization) if link is None else await _reach_of_link(request, link)
    if reach.organizations is None:
        raise Forbidden("A sender key sends events and cannot sign in; use an organization key or a personal token.")
    stored = reach.credential_id if reach.stored else None
    grants = None if reach.stored else {org_id: sorted(scopes) for org_id, scopes in reach.organizations.items()}
    await authenticator.sessions.end(request)
    cookie, session = await authenticator.sessions.begin(stored, grants, reach.expires_at)
    _log.info("a browser signed in", by="link" if authorization is None else "credential")
    return await _state(request, session, cookie)


@delete(
    "/session",
    status_code=200,
    responses={200: json_answer(SessionState, "No session."), **documented(403, 507)},
    summary="Sign out",
)
async def delete_session(request: AnyRequest) -> Response[bytes]:
    """End the session, if there is one."""
    _refuse_other_sites(request)
    return await _state(request, None, await _authenticator(request).sessions.end(request))


async def _state(request: AnyRequest, session: Session | None, cookie: Cookie | None = None) -> Response[bytes]:
    """The session as the page reads it, as far as its credential still goes."""
    service: Service = request.app.state.service
    reach = None if session is None else await _authenticator(request).session_grant(session)
    organizations: list[NamedOrganization] = []
    if reach is not None:
        org_ids = sorted(reach.organizations or ())

        def ask(database: Connection) -> dict[str, str]:
            return names_of(database, org_ids)

        names = await service.read(ask)
        organizations = [NamedOrganization(org_id, names.get(org_id, org_id)) for org_id in org_ids]
    state = SessionState(
        signed_in=reach is not None,
        organizations=organizations,
        organization=_organization(organizations, named_organizations(request)),
        expires_at=None if reach is None or reach.expires_at is None else format_instant(reach.expires_at),
        plans_url=service.settings.plans_url or None,
    )
    cookies = [] if cookie is None else [cookie]
    return Response(content=msgspec.json.encode(state), media_type=PLAIN, headers=_HEADERS, cookies=cookies)


def _organization(organizations: list[NamedOrganization], named: list[str]) -> str | None:
    """The organization to begin with: the first, unless the request names one that the session reaches."""
    reached = [one.id for one in organizations]
    chosen = [name for name in named if name in reached] if named else reached
    return chosen[0] if chosen else None


def _refuse_other_sites(request: AnyRequest) -> None:
    """Forbidden unless the request comes from the page: browsers say so, and no page can make them say otherwise."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise Forbidden("A session can be changed by the page of this service only, not from another site.")
        return
    service: Service = request.app.state.service
    expected = public_url(service.settings)
    if (origin := request.headers.get("origin")) != expected:
        came = f"came from {origin[:100]}" if origin else "names no origin"
        raise Forbidden(
            f"A session can be changed by the page at {expected} only, and this request {came}. "
            "TALKMETER_PUBLIC_URL must be the address that people see in their browser."
        )


async def _read_link(request: AnyRequest) -> str | None:
    """The secret of a link in the body; None where there is no body."""
    service: Service = request.app.state.service
    settings: Settings = msgspec.structs.replace(service.settings, max_body_bytes=MAX_BODY_BYTES)
    body = await read_body(request, settings, lambda _size: None)
    if not body:
        return None
    if (content_type := request.headers.get("content-type", "")).partition(";")[0].strip().lower() != PLAIN:
        raise UnsupportedMediaType(f"Content-Type must be {PLAIN}, not '{content_type[:60]}'.")
    try:
        return msgspec.json.decode(body, type=SignIn).link
    except msgspec.ValidationError:
        raise Unprocessable(_WHAT_TO_SEND) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest(f"The body is not JSON. {_WHAT_TO_SEND}") from None


async def _reach_of_link(request: AnyRequest, secret: str) -> Grant:
    """Use a link up; what it was made for."""
    service: Service = request.app.state.service
    link = await service.change(lambda database: redeem_link(database, secret, clock.now()))
    if link is None:
        raise NotAuthenticated(
            f"This sign-in link is not valid: a link works once, within {LINK_MINUTES} minutes. "
            "'talkmeter link --org ORG_ID' makes another."
        )
    return Grant("link", {link.org_id: expand(link.role, ())}, link.org_id, stored=False)


def _authenticator(request: AnyRequest) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


@get(
    "/admin/members/me/scopes",
    before_request=requires(None),
    responses={200: json_answer(list[str], "Concrete scope names, sorted."), **documented(401, 403, 422)},
    summary="The caller's scopes",
)
async def get_my_scopes(request: AnyRequest) -> ASGIApp:
    """Return the caller's scopes in the organization of the request: concrete names, never a pattern."""
    return encoded(msgspec.json.encode(sorted(caller_of(request).scopes)))


session_router = Router(path="/", route_handlers=[get_session, post_session, delete_session], tags=["Session"])
scopes_router = Router(path="/", route_handlers=[get_my_scopes], tags=["Usage"], security=[{"bearer": []}])
