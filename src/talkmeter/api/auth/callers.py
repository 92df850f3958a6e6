"""Who may: a bearer credential or a session becomes a caller with an organization and concrete scopes.

Checks come in the order 401, 403, 422. Unknown and forbidden organizations look alike. What the database says of a
credential is believed for at most 5 seconds, so that a revocation acts that soon in every process.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec
from cachetools import TTLCache

from talkmeter import clock
from talkmeter.accounts.credentials import (
    Credential,
    CredentialKind,
    find_credential,
    read_grants,
    secret_matches,
)
from talkmeter.accounts.sessions import Session
from talkmeter.api.auth.grant import Grant
from talkmeter.api.auth.jwt import identity_provider
from talkmeter.api.auth.scopes import EVENTS_WRITE, expand
from talkmeter.api.auth.sessions import CACHE_SIZE, CACHE_TTL_SEC, Sessions
from talkmeter.api.headers import values_of
from talkmeter.api.problems import AnyRequest, Connected
from talkmeter.api.service import Service
from talkmeter.db.engine import Connection
from talkmeter.errors import Forbidden, NotAuthenticated, Unprocessable
from talkmeter.ingest.fields import FieldError, read_id
from talkmeter.period import format_instant

ORGANIZATION_HEADER: Final = "X-Anyreach-Org"
ORGANIZATION_PARAMETER: Final = "organization_id"
_ORGANIZATION_NAME: Final = ORGANIZATION_HEADER.lower().encode()
_PREFIXES: Final = {
    CredentialKind.ORGANIZATION: "ak_",
    CredentialKind.SENDER: "ak_",
    CredentialKind.PERSONAL: "pat_",
}
_MAX_TOKEN: Final = 300
NOT_UTF8: Final = "\N{REPLACEMENT CHARACTER}"
"""What stands in the place of bytes that are no UTF-8, once a header or a query has been decoded."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks: `org_id` is the one organization of the request, None for a sender of any."""

    credential_id: str
    org_id: str | None
    scopes: frozenset[str]


class Known(NamedTuple):
    """What the database says of a credential id: a credential and how far it goes, or that there is none."""

    credential: Credential | None
    reach: Grant | None


class Authenticator:
    """Turns the headers of a request into a caller."""

    def __init__(self, service: Service) -> None:
        """Nothing is believed yet."""
        self.sessions = Sessions(service)
        self._identity_provider = identity_provider(service.settings)
        self._service = service
        self._believed: TTLCache[str, Known] = TTLCache(CACHE_SIZE, CACHE_TTL_SEC, timer=clock.monotonic)

    async def caller(self, connection: Connected, named: list[str]) -> Caller:
        """The caller of a request that names these organizations. NotAuthenticated, Forbidden or Unprocessable.

        A session's cookie authorizes GET and HEAD below /admin and nothing else; a header Authorization goes before it.
        """
        given = values_of(connection, b"authorization")
        authorization = given[0].decode("latin-1") if given else None
        if authorization is not None or not _takes_cookie(connection, self.sessions.cookie_name):
            return _caller_in(await self.bearer_grant(authorization), named)
        session = await self.sessions.find(connection)
        reach = None if session is None else await self.session_grant(session)
        if reach is None:
            raise NotAuthenticated("The session has ended: sign in again.")
        if not named and reach.home is None:
            raise Unprocessable(f"Name the organization: send the header {ORGANIZATION_HEADER}.")
        return _caller_in(reach, named)

    async def bearer_grant(self, authorization: str | None) -> Grant:
        """How far the credential of an Authorization header goes. NotAuthenticated where it is not valid."""
        if self._identity_provider is not None and (token := read_jwt(authorization)):
            return await self._identity_provider.grant_of(token)
        prefix, credential_id, secret = read_token(authorization)
        credential, reach = await self._known(credential_id)
        matches = secret_matches(credential, secret)
        if credential is None or reach is None or not matches or _PREFIXES[credential.kind] != prefix:
            raise NotAuthenticated("The credential is not known here.")
        _refuse_ended(credential)
        return reach

    async def session_grant(self, session: Session) -> Grant | None:
        """How far a session goes now; None where the credential that began it has ended."""
        if session.credential_id is None:
            reached = {org_id: expand(None, tuple(scopes)) for org_id, scopes in (session.grants or {}).items()}
            reach = Grant("session", reached, None, stored=False)
        else:
            credential, known = await self._known(session.credential_id)
            if credential is None or known is None or not credential.usable(clock.now()):
                return None
            reach = known
        reached = dict(reach.organizations or {})
        return reach._replace(
            organizations=reached,
            home=next(iter(reached)) if len(reached) == 1 else None,
            expires_at=min(session.expires_at, reach.expires_at or session.expires_at),
        )

    async def _known(self, credential_id: str) -> Known:
        def look_up(connection: Connection) -> Known:
            credential = find_credential(connection, credential_id)
            grants = read_grants(connection, credential_id)
            return Known(credential, None if credential is None else _grant_of(credential, grants))

        known = self._believed.get(credential_id)
        if known is None:
            known = self._believed[credential_id] = await self._service.read(look_up)
        return known


def read_token(authorization: str | None) -> tuple[str, str, str]:
    """Prefix, id and secret of `Bearer ak_<id>.<secret>`. NotAuthenticated where the header is none."""
    if not authorization:
        raise NotAuthenticated(
            "A credential is missing: send the header 'Authorization: Bearer ak_…' or 'Bearer pat_…'."
        )
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    prefix = next((prefix for prefix in ("ak_", "pat_") if token.startswith(prefix)), None)
    credential_id, dot, secret = token[len(prefix or "") :].partition(".")
    if scheme.lower() != "bearer" or prefix is None or not dot or len(token) > _MAX_TOKEN or not token.isascii():
        raise NotAuthenticated(
            "The Authorization header must be 'Bearer' and an organization key (ak_<id>.<secret>) "
            "or a personal access token (pat_<id>.<secret>)."
        )
    return prefix, credential_id, secret


def read_jwt(authorization: str | None) -> str | None:
    """The JWT of `Bearer <header>.<claims>.<signature>`; None where the header holds something else."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    is_jwt = scheme.lower() == "bearer" and token.count(".") == 2 and not token.startswith(("ak_", "pat_"))
    return token if is_jwt else None


def named_organizations(connection: Connected) -> list[str]:
    """The organizations a request names, by header and by parameter; a header's bytes are UTF-8."""
    headers = values_of(connection, _ORGANIZATION_NAME)
    named = (header.decode("utf-8", "replace") for header in headers)
    return [name for name in (*named, *connection.query_params.getall(ORGANIZATION_PARAMETER, [])) if name]


def requires(scope: str | None) -> Callable[[AnyRequest], Awaitable[None]]:
    """What runs before a handler: the caller must hold the scope (None: any valid credential), see `caller_of`.

    No guard of Litestar's, which copies the handler for each request.
    """

    async def authorize(request: AnyRequest) -> None:
        authenticator: Authenticator = request.app.state.authenticator
        named = named_organizations(request)
        caller = await authenticator.caller(request, named)
        if scope is not None and scope not in caller.scopes:
            raise Forbidden(f"This needs the scope {scope}, which the credential does not have.")
        if len(set(named)) > 1:
            both = f"The header {ORGANIZATION_HEADER} and the parameter {ORGANIZATION_PARAMETER}"
            raise Unprocessable(f"{both} name different organizations.")
        request.scope["auth"] = caller

    return authorize


def _takes_cookie(connection: Connected, cookie_name: str) -> bool:
    """Whether a session may authorize this request, and there is one."""
    reads = connection.scope.get("method") in ("GET", "HEAD")
    return reads and connection.scope["path"].startswith("/admin/") and cookie_name in connection.cookies


def caller_of(connection: Connected) -> Caller:
    """The caller that `requires` found."""
    caller: Caller = connection.scope["auth"]
    return caller


def organization_of(caller: Caller) -> str:
    """The one organization of the request. Unprocessable where a sender's request names none."""
    if caller.org_id is None:
        raise Unprocessable(f"Name the organization: send the header {ORGANIZATION_HEADER}.")
    return caller.org_id


def _refuse_ended(credential: Credential) -> None:
    if credential.revoked_at is not None:
        raise NotAuthenticated(f"The credential was revoked at {format_instant(credential.revoked_at)}.")
    if not credential.usable(clock.now()):
        raise NotAuthenticated(f"The credential expired at {format_instant(credential.expires_at or 0)}.")


def _grant_of(credential: Credential, grants: dict[str, str]) -> Grant:
    match credential.kind:
        case CredentialKind.ORGANIZATION:
            home = credential.org_id or ""
            scopes = expand(credential.role, tuple(credential.scopes.split()))
            return Grant(credential.id, {home: scopes}, home, credential.expires_at)
        case CredentialKind.PERSONAL:
            reached = {org_id: expand(role, ()) for org_id, role in grants.items()}
            return Grant(credential.id, reached, None, credential.expires_at)
        case CredentialKind.SENDER:
            return Grant(credential.id, None, None, credential.expires_at)


def _caller_in(reach: Grant, named: list[str]) -> Caller:
    """The caller in the organization the request names, if the credential reaches there."""
    organizations = reach.organizations
    if organizations is None:
        org_id, scopes = _any_organization(named), frozenset({EVENTS_WRITE})
    else:
        if not named and reach.home is None:
            raise NotAuthenticated("Token is missing organization claim.")
        if any(name not in organizations for name in named):
            raise Forbidden("The credential does not reach this organization.")
        org_id = named[0] if named else reach.home
        scopes = organizations[org_id or ""]
    return Caller(credential_id=reach.credential_id, org_id=org_id, scopes=scopes)


def _any_organization(named: list[str]) -> str | None:
    """The organization a sender's request is for; None: each of its events names its own."""
    if not named:
        return None
    if NOT_UTF8 in named[0]:
        raise Unprocessable("The organization's id is not UTF-8.")
    try:
        return read_id("The organization's id", named[0])
    except FieldError as error:
        raise Unprocessable(error.detail) from None
