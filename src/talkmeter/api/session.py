"""`/session` and the caller's scopes: sign in with a one-time link or a pasted key, read the session, sign out.

Signing in and out is only allowed from the service's own page, so that another site cannot sign a browser in to
someone else's account, or sign it out.
"""

from typing import Annotated, Final

import msgspec
import structlog
from litestar import Response, Router, delete, get, post
from litestar.datastructures import Cookie

from talkmeter import clock
from talkmeter.accounts.sessions import LINK_MINUTES, OPERATOR, Access, Session, hash_secret, public_id, redeem_link
from talkmeter.api.auth.callers import Authenticator, RequiresScope, caller_of, named_organizations, read_token
from talkmeter.api.auth.grant import Grant, operator_grant
from talkmeter.api.auth.scopes import expand
from talkmeter.api.body import BodyLimits, read_body, require_json
from talkmeter.api.compression import Encoded
from talkmeter.api.etag import json_response
from talkmeter.api.openapi import BEARER, error_specs, json_spec, operation_with, organization_parameters
from talkmeter.api.problems import AnyRequest
from talkmeter.api.request_bodies import SIGN_IN_BODY
from talkmeter.api.same_origin import require_same_origin
from talkmeter.api.service import Service
from talkmeter.db.audit import Actor
from talkmeter.db.engine import Connection
from talkmeter.errors import BadRequest, Forbidden, NotAuthenticated, Unprocessable
from talkmeter.ingest.requests import PLAIN
from talkmeter.ledger.organizations import is_open, read_organization_names
from talkmeter.period import InstantText, format_instant

MAX_BODY_BYTES: Final = 4_096
_HEADERS: Final = {"Cache-Control": "no-store", "Vary": "Cookie"}
_EXPECTED: Final = (
    'Send either {"link": "…"} with the secret of a sign-in link, or a credential in the Authorization header.'
)
_ORGANIZATION: Final = organization_parameters(
    "The organization to return as `organization`; by default the first one of the session."
)
_log = structlog.get_logger()


class NamedOrganization(msgspec.Struct, frozen=True):
    """An organization of the session; `name` is the id if the organization has no name."""

    id: str
    name: str


class SessionState(msgspec.Struct, frozen=True, kw_only=True):
    """The session of a browser; `organization` is the one to show first."""

    signed_in: bool
    organizations: list[NamedOrganization]
    organization: str | None
    scopes: Annotated[
        list[str] | None,
        msgspec.Meta(description="The scopes in `organization`, sorted; null: no organization, or it does not exist."),
    ]
    expires_at: Annotated[
        InstantText | None, msgspec.Meta(description="The latest end of the session; null: no session.")
    ]
    access: Annotated[
        Access | None, msgspec.Meta(description="Whether the session may also change budgets; null: no session.")
    ]
    operator: Annotated[
        bool,
        msgspec.Meta(
            description="Whether it is an operator's: it can read every organization and lists only the named one."
        ),
    ]
    plans_url: Annotated[str | None, msgspec.Meta(description="URL of the operator's page for plans and billing.")]


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a sign-in by link."""

    link: Annotated[
        str, msgspec.Meta(min_length=1, max_length=200, description="The part of the link after #sign-in=.")
    ]


@get(
    "/session",
    operation_id="getSession",
    operation_class=operation_with(*_ORGANIZATION),
    responses={200: json_spec(SessionState, "The session."), **error_specs()},
    summary="Get the session",
)
async def get_session(request: AnyRequest) -> Response[bytes]:
    """Return whether the browser is signed in, and its organizations; 200 in both cases."""
    sessions = _authenticator(request).sessions
    return await _state(request, await sessions.find(request))


@post(
    "/session",
    status_code=200,
    operation_id="signIn",
    # The credential is optional: a link in the body can take its place.
    security=[{}, {BEARER: []}],
    operation_class=operation_with(*_ORGANIZATION, body=SIGN_IN_BODY),
    responses={
        200: json_spec(SessionState, "The new session."),
        **error_specs(400, 401, 403, 408, 413, 415, 422, 507),
    },
    summary="Sign in",
)
async def post_session(request: AnyRequest) -> Response[bytes]:
    """Start a session with a one-time link or a bearer credential; the response sets the session cookie."""
    authenticator = _authenticator(request)
    _require_page(request)
    link = await _read_link(request)
    authorization = request.headers.get("authorization")
    if (link is None) == (authorization is None):
        raise Unprocessable(_EXPECTED)
    grant = await authenticator.bearer_grant(authorization) if link is None else await _link_grant(request, link)
    if grant.organizations is None and not grant.is_operator:
        raise Forbidden("A sender key cannot sign in; use an organization key, a personal token or an operator key.")
    if grant.is_operator:
        grant = grant._replace(access="read")
    await authenticator.sessions.end(request)
    cookie, session = await authenticator.sessions.start(_actor(link, authorization, grant), grant)
    _log.info("signed in", by="link" if authorization is None else "credential")
    return await _state(request, session, cookie)


@delete(
    "/session",
    operation_id="signOut",
    status_code=200,
    responses={200: json_spec(SessionState, "No session."), **error_specs(403, 507)},
    summary="Sign out",
)
async def delete_session(request: AnyRequest) -> Response[bytes]:
    """End the session, if there is one."""
    _require_page(request)
    return await _state(request, None, await _authenticator(request).sessions.end(request))


async def _state(request: AnyRequest, session: Session | None, cookie: Cookie | None = None) -> Response[bytes]:
    """Return the session state for the page: the organizations that the session's credential grants now."""
    service: Service = request.app.state.service
    grant = None if session is None else await _authenticator(request).session_grant(session)
    organizations: list[NamedOrganization] = []
    organization: str | None = None
    scopes: list[str] | None = None
    if grant is not None:
        requested = named_organizations(request)
        granted = grant.organizations or {}
        if grant.is_operator:
            named = requested[:1]
            known = bool(named) and await service.look_up(lambda database: is_open(database, named[0]))
            granted = dict.fromkeys(named if known else (), grant.everywhere)
        org_ids = sorted(granted)
        organization = first = _first_organization(org_ids, requested)

        def read(database: Connection) -> tuple[dict[str, str], bool]:
            # A JWT can name an organization that does not exist or is closed.
            exists = first is not None and (grant.stored or is_open(database, first))
            return read_organization_names(database, org_ids), exists

        names, exists = await service.look_up(read)
        organizations = [NamedOrganization(org_id, names.get(org_id, org_id)) for org_id in org_ids]
        scopes = sorted(granted[first]) if first is not None and exists else None
    state = SessionState(
        signed_in=grant is not None,
        organizations=organizations,
        organization=organization,
        scopes=scopes,
        expires_at=None if grant is None or grant.expires_at is None else format_instant(grant.expires_at),
        access=None if grant is None else grant.access,
        operator=grant is not None and grant.is_operator,
        plans_url=service.settings.plans_url or None,
    )
    cookies = [] if cookie is None else [cookie]
    return Response(content=msgspec.json.encode(state), media_type=PLAIN, headers=_HEADERS, cookies=cookies)


def _first_organization(granted: list[str], requested: list[str]) -> str | None:
    """Return the first requested organization of the session, or its first one if none is requested."""
    candidates = [org_id for org_id in requested if org_id in granted] if requested else granted
    return candidates[0] if candidates else None


def _require_page(request: AnyRequest) -> None:
    service: Service = request.app.state.service
    require_same_origin(request, service.settings, "change a session")


async def _read_link(request: AnyRequest) -> str | None:
    """Return the secret of the link in the body, or None if the body is empty."""
    service: Service = request.app.state.service
    limits = BodyLimits(MAX_BODY_BYTES, service.settings.body_timeout_sec)
    body = await read_body(request, limits, lambda _size: None)
    if not body:
        return None
    require_json(request)
    try:
        return msgspec.json.decode(body, type=SignIn).link
    except msgspec.ValidationError:
        raise Unprocessable(_EXPECTED) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadRequest(f"The body is not JSON. {_EXPECTED}") from None


async def _link_grant(request: AnyRequest, secret: str) -> Grant:
    """Consume a link and return its grant. Raises NotAuthenticated if the link is not valid."""
    service: Service = request.app.state.service
    link = await service.change(lambda database: redeem_link(database, secret, clock.now()))
    if link is None:
        raise NotAuthenticated(
            f"This sign-in link is not valid: a link works once, within {LINK_MINUTES} minutes. "
            "'talkmeter link --org ORG_ID' creates a new one."
        )
    if link.role == OPERATOR:
        return operator_grant("link")
    scopes = expand(link.role, ())
    return Grant("link", {link.org_id: scopes}, link.org_id, stored=False, access=link.access)


def _actor(link: str | None, authorization: str | None, grant: Grant) -> Actor:
    """Return who signs in: the link, or the credential of the Authorization header."""
    if link is not None:
        return Actor("link", public_id(hash_secret(link)))
    if not grant.stored:
        return Actor("jwt", grant.credential_id.removeprefix("jwt:"))
    prefix, _, _ = read_token(authorization, jwt=False)
    return Actor("key" if prefix == "ak_" else "token", prefix + grant.credential_id)


def _authenticator(request: AnyRequest) -> Authenticator:
    authenticator: Authenticator = request.app.state.authenticator
    return authenticator


@get(
    "/admin/members/me/scopes",
    operation_id="listMyScopes",
    guards=[RequiresScope(None)],
    responses={200: json_spec(list[str], "Concrete scope names, sorted."), **error_specs(401, 403, 422)},
    summary="List the scopes of the credential",
)
async def get_my_scopes(request: AnyRequest) -> Response[bytes]:
    """Return the caller's scopes in the organization of the request, as concrete names without patterns."""
    return json_response(Encoded(msgspec.json.encode(sorted(caller_of(request).scopes))))


session_router = Router(path="/", route_handlers=[get_session, post_session, delete_session], tags=["Session"])
scopes_router = Router(path="/", route_handlers=[get_my_scopes], tags=["Usage"])
