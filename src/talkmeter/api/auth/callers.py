"""Authenticate requests: a bearer credential or a session becomes a caller with an organization and concrete scopes.

Errors are raised in the order 401, 403, 422. Unknown and forbidden organizations get the same error. The credentials of
bearer tokens are cached for 5 seconds, so a revocation takes effect in every process within that time; those of
sessions are read at each request.
"""

from typing import Final, NamedTuple

import msgspec
from cachetools import LRUCache, TTLCache
from litestar.handlers import BaseRouteHandler

from talkmeter import clock
from talkmeter.accounts.credentials import (
    Credential,
    CredentialKind,
    find_credential,
    read_grants,
    secret_matches,
)
from talkmeter.accounts.sessions import EVERY_ORGANIZATION, Access, Session
from talkmeter.api.auth.grant import Grant, operator_grant
from talkmeter.api.auth.jwt import identity_provider
from talkmeter.api.auth.scopes import EVENTS_WRITE, OPERATOR_READ, OPERATOR_SCOPES, expand
from talkmeter.api.auth.sessions import Sessions
from talkmeter.api.auth.uses import CredentialUses
from talkmeter.api.body import require_json
from talkmeter.api.headers import cookie_value, header_values, query_parameters
from talkmeter.api.problems import AnyConnection
from talkmeter.api.same_origin import require_same_origin
from talkmeter.api.service import Service
from talkmeter.db.audit import Action, Actor, record_audit
from talkmeter.db.engine import Connection
from talkmeter.errors import Forbidden, NotAuthenticated, Unprocessable
from talkmeter.ingest.fields import FieldError, read_id
from talkmeter.ledger.organizations import is_open
from talkmeter.period import format_instant

CACHE_TTL_SEC: Final = 5
CACHE_SIZE: Final = 10_000
ORGANIZATION_HEADER: Final = "X-Anyreach-Org"
ORGANIZATION_PARAMETER: Final = "organization_id"
_ORGANIZATION_HEADER: Final = ORGANIZATION_HEADER.lower().encode()
OPERATOR_PATH: Final = "/operator/"
READ_BY_SESSIONS: Final = ("/admin/", OPERATOR_PATH)
CHANGED_BY_SESSIONS: Final = ("/admin/usage/budgets/", "/admin/usage/webhooks/")
"""What a session may change, if it may manage."""
_PREFIXES: Final = {
    CredentialKind.ORGANIZATION: "ak_",
    CredentialKind.SENDER: "ak_",
    CredentialKind.OPERATOR: "ak_",
    CredentialKind.PERSONAL: "pat_",
}
_MAX_TOKEN_LENGTH: Final = 300
_NO_ACCESS: Final = "The credential has no access to this organization."
_ORGANIZATION_MISSING: Final = f"The request names no organization: send the header {ORGANIZATION_HEADER}."
_NOT_AN_OPERATOR: Final = "This session is not an operator's; sign in with a link of 'talkmeter link --operator'."
NOT_UTF8: Final = "\N{REPLACEMENT CHARACTER}"
"""The replacement for invalid UTF-8 in a decoded header or query."""


class Caller(msgspec.Struct, frozen=True):
    """The authenticated caller; `org_id` is the organization of the request, or None if a sender names none."""

    credential_id: str
    org_id: str | None
    scopes: frozenset[str]
    access: Access = "manage"
    session_id: str | None = None
    """The public id of the session that authorizes the request; None: an Authorization header does."""


class CachedCredential(NamedTuple):
    """A credential with its grant, or (None, None) if the id is unknown."""

    credential: Credential | None
    grant: Grant | None


class Authenticator:
    """Authenticates requests by their headers."""

    def __init__(self, service: Service) -> None:
        self.sessions = Sessions(service)
        self._identity_provider = identity_provider(service.settings)
        self._service = service
        self._uses = CredentialUses(service)
        self._organizations: TTLCache[str, None] = TTLCache(CACHE_SIZE, CACHE_TTL_SEC, timer=clock.monotonic)
        """Organizations that exist and are open. The grants of stored credentials name no others."""
        self._viewed: LRUCache[tuple[str, str], None] = LRUCache(CACHE_SIZE)
        """The organizations that operators' sessions have viewed, that this process has logged."""
        self._cache: TTLCache[str, CachedCredential] = TTLCache(CACHE_SIZE, CACHE_TTL_SEC, timer=clock.monotonic)
        # Requests with made-up ids must not drop the credentials of others.
        self._unknown: TTLCache[str, CachedCredential] = TTLCache(CACHE_SIZE, CACHE_TTL_SEC, timer=clock.monotonic)

    def close(self) -> None:
        """Stop fetching the identity provider's keys."""
        if self._identity_provider is not None:
            self._identity_provider.close()

    async def caller(self, connection: AnyConnection, requested: list[str]) -> Caller:
        """Return the caller of a request that names the requested organizations.

        An Authorization header takes precedence over a session cookie. A cookie authorizes GET and HEAD below /admin,
        and changes of budgets and their webhooks, if the request comes from the page and the session may manage. An
        operator's cookie authorizes GET and HEAD below /operator too, and below /admin for every open organization.
        Raises NotAuthenticated, Forbidden or Unprocessable.
        """
        headers = header_values(connection, b"authorization")
        authorization = headers[0].decode("latin-1") if headers else None
        if authorization is not None or not _has_session_cookie(connection, self.sessions.cookie_name):
            return await self._in_organization(await self.bearer_grant(authorization), requested)
        session = await self.sessions.find(connection)
        grant = None if session is None else await self.session_grant(session)
        if grant is None:
            raise NotAuthenticated("The session has ended: sign in again.")
        if connection.scope["path"].startswith(OPERATOR_PATH):
            if not grant.is_operator:
                raise Forbidden(_NOT_AN_OPERATOR)
        elif not requested and grant.default_organization is None:
            raise Unprocessable(_ORGANIZATION_MISSING)
        if not _is_read(connection):
            self._check_change(connection, grant)
        caller = await self._in_organization(grant, requested)
        if grant.is_operator and session is not None and caller.org_id is not None:
            await self._log_view(session, caller.org_id)
        return msgspec.structs.replace(caller, session_id=None if session is None else session.id)

    async def _log_view(self, session: Session, org_id: str) -> None:
        """Record that an operator views an organization, once for each session and process, before the answer."""
        view = session.id, org_id
        if view in self._viewed:
            return
        key = session.credential_id
        actor = Actor("session", session.id) if key is None else Actor("key", f"ak_{key}")
        subject = f"session {session.id}"
        self._viewed[view] = None
        try:
            await self._service.change(
                lambda database: record_audit(
                    database, actor, Action.ORGANIZATION_VIEW, subject, clock.now(), org_id=org_id
                )
            )
        except BaseException:
            self._viewed.pop(view, None)
            raise

    def _check_change(self, connection: AnyConnection, grant: Grant) -> None:
        """Raise an error unless a session may authorize this change."""
        require_same_origin(connection, self._service.settings, "change budgets with a session")
        require_json(connection)
        if grant.access != "manage":
            raise Forbidden("This session can only read; sign in with a link of 'talkmeter link --access manage'.")

    async def _in_organization(self, grant: Grant, requested: list[str]) -> Caller:
        """Return the caller in the requested organization. Raises Forbidden if a JWT names one that is not open."""
        caller = _caller_with(grant, requested)
        org_id = caller.org_id
        if not grant.stored and org_id is not None and org_id not in self._organizations:
            if not await self._service.look_up(lambda connection: is_open(connection, org_id)):
                raise Forbidden(_NO_ACCESS)
            self._organizations[org_id] = None
        return caller

    async def bearer_grant(self, authorization: str | None) -> Grant:
        """Return the grant of an Authorization header. Raises NotAuthenticated if its credential is not valid."""
        if self._identity_provider is not None and (token := read_jwt(authorization)):
            return await self._identity_provider.grant_of(token)
        prefix, credential_id, secret = read_token(authorization, jwt=self._identity_provider is not None)
        credential, grant = await self._find(credential_id)
        matches = secret_matches(credential, secret)
        if credential is None or grant is None or not matches or _PREFIXES[credential.kind] != prefix:
            raise NotAuthenticated("Unknown key or token.")
        _check_active(credential)
        self._uses.note(credential.id)
        return grant

    async def session_grant(self, session: Session) -> Grant | None:
        """Return the current grant of a session, or None if its credential was revoked or has expired."""
        if session.credential_id is None:
            stored = session.grants or {}
            organizations = {org_id: expand(None, tuple(scopes)) for org_id, scopes in stored.items()}
            grant = Grant("session", organizations, None, stored=False)
            # The scopes of a JWT never include this one, whatever organization it names.
            if OPERATOR_READ in stored.get(EVERY_ORGANIZATION, ()):
                grant = operator_grant("session")
        else:
            credential, found = await self._look_up(session.credential_id)
            if credential is None or found is None or not credential.usable(clock.now()):
                return None
            self._uses.note(credential.id)
            grant = found
        expires_at = min(session.expires_at, grant.expires_at or session.expires_at)
        if grant.is_operator:
            return operator_grant(grant.credential_id)._replace(expires_at=expires_at)
        organizations = dict(grant.organizations or {})
        return grant._replace(
            organizations=organizations,
            default_organization=next(iter(organizations)) if len(organizations) == 1 else None,
            expires_at=expires_at,
            access=session.access,
        )

    async def _find(self, credential_id: str) -> CachedCredential:
        cached = self._cache.get(credential_id) or self._unknown.get(credential_id)
        return cached or await self._look_up(credential_id)

    async def _look_up(self, credential_id: str) -> CachedCredential:
        def look_up(connection: Connection) -> CachedCredential:
            credential = find_credential(connection, credential_id)
            grants = read_grants(connection, credential_id)
            return CachedCredential(credential, None if credential is None else _grant_of(credential, grants))

        found = await self._service.look_up(look_up)
        cache = self._unknown if found.credential is None else self._cache
        cache[credential_id] = found
        return found


def read_token(authorization: str | None, *, jwt: bool) -> tuple[str, str, str]:
    """Return prefix, id and secret of `Bearer ak_<id>.<secret>`. Raises NotAuthenticated if the header is invalid.

    The error also names JWTs if `jwt`.
    """
    if not authorization:
        other = ", or 'Bearer' and a JWT of the identity provider" if jwt else ""
        raise NotAuthenticated(
            f"The credential is missing: send the header 'Authorization: Bearer ak_…' or 'Bearer pat_…'{other}."
        )
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    prefix = next((prefix for prefix in ("ak_", "pat_") if token.startswith(prefix)), None)
    credential_id, dot, secret = token[len(prefix or "") :].partition(".")
    if scheme.lower() != "bearer" or prefix is None or not dot or len(token) > _MAX_TOKEN_LENGTH or not token.isascii():
        other = ", or a JWT of the identity provider" if jwt else ""
        raise NotAuthenticated(
            "The Authorization header must be 'Bearer' and an organization key (ak_<id>.<secret>) "
            f"or a personal access token (pat_<id>.<secret>){other}."
        )
    return prefix, credential_id, secret


def read_jwt(authorization: str | None) -> str | None:
    """Return the JWT of `Bearer <header>.<claims>.<signature>`, or None if the header contains no JWT."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    token = token.strip()
    is_jwt = scheme.lower() == "bearer" and token.count(".") == 2 and not token.startswith(("ak_", "pat_"))
    return token if is_jwt else None


def named_organizations(connection: AnyConnection) -> list[str]:
    """Return the organizations that a request names by header (in UTF-8) and by query parameter."""
    headers = (value.decode("utf-8", "replace") for value in header_values(connection, _ORGANIZATION_HEADER))
    parameters = (value for name, value in query_parameters(connection) if name == ORGANIZATION_PARAMETER)
    return [org_id for org_id in (*headers, *parameters) if org_id]


class RequiresScope:
    """A guard that requires a scope (None: any valid credential) and sets `caller_of`.

    `complete_description` adds the credential to every operation with this guard, and the organization's parameters
    unless the scope is of operator keys, which have no organization.
    """

    def __init__(self, scope: str | None) -> None:
        self.scope = scope

    async def __call__(self, request: AnyConnection, _handler: BaseRouteHandler) -> None:
        """Authenticate a request. Raises NotAuthenticated, Forbidden or Unprocessable."""
        authenticator: Authenticator = request.app.state.authenticator
        requested = named_organizations(request)
        caller = await authenticator.caller(request, requested)
        if self.scope is not None:
            require_scope(caller, self.scope)
        if len(set(requested)) > 1:
            both = f"The header {ORGANIZATION_HEADER} and the parameter {ORGANIZATION_PARAMETER}"
            raise Unprocessable(f"{both} name different organizations.")
        request.scope["auth"] = caller


def require_scope(caller: Caller, scope: str) -> None:
    """Raise Forbidden if the caller does not have a scope."""
    if scope not in caller.scopes:
        raise Forbidden(f"This request needs the scope {scope}, which the credential does not have.")


def _has_session_cookie(connection: AnyConnection, cookie_name: str) -> bool:
    """Check whether a request has a session cookie and a session may authorize it."""
    below = READ_BY_SESSIONS if _is_read(connection) else CHANGED_BY_SESSIONS
    return connection.scope["path"].startswith(below) and cookie_value(connection, cookie_name) is not None


def _is_read(connection: AnyConnection) -> bool:
    return connection.scope.get("method") in ("GET", "HEAD")


def actor_of(request: AnyConnection) -> Actor:
    """Return who makes a request, for the audit log."""
    caller = caller_of(request)
    if caller.session_id is not None:
        return Actor("session", caller.session_id)
    if (jwt := caller.credential_id).startswith("jwt:"):
        return Actor("jwt", jwt.removeprefix("jwt:"))
    prefix, _, _ = read_token(request.headers.get("authorization"), jwt=False)
    return Actor("key" if prefix == "ak_" else "token", prefix + caller.credential_id)


def caller_of(connection: AnyConnection) -> Caller:
    """Return the caller that `RequiresScope` has authenticated."""
    caller: Caller = connection.scope["auth"]
    return caller


def organization_of(caller: Caller) -> str:
    """Return the organization of the request. Raises Unprocessable if a sender's request names none."""
    if caller.org_id is None:
        raise Unprocessable(_ORGANIZATION_MISSING)
    return caller.org_id


def _check_active(credential: Credential) -> None:
    if credential.revoked_at is not None:
        raise NotAuthenticated(f"The credential was revoked at {format_instant(credential.revoked_at)}.")
    if not credential.usable(clock.now()):
        raise NotAuthenticated(f"The credential expired at {format_instant(credential.expires_at or 0)}.")


def _grant_of(credential: Credential, grants: dict[str, str]) -> Grant:
    match credential.kind:
        case CredentialKind.ORGANIZATION:
            org_id = credential.org_id or ""
            scopes = expand(credential.role, tuple(credential.scopes.split()))
            return Grant(credential.id, {org_id: scopes}, org_id, credential.expires_at)
        case CredentialKind.PERSONAL:
            organizations = {org_id: expand(role, ()) for org_id, role in grants.items()}
            return Grant(credential.id, organizations, None, credential.expires_at)
        case CredentialKind.SENDER:
            return Grant(credential.id, None, None, credential.expires_at, frozenset({EVENTS_WRITE}))
        case CredentialKind.OPERATOR:
            return Grant(credential.id, None, None, credential.expires_at, frozenset(OPERATOR_SCOPES))


def _caller_with(grant: Grant, requested: list[str]) -> Caller:
    """Return the caller in the requested organization. Raises Forbidden if the grant does not include it."""
    organizations = grant.organizations
    if organizations is None:
        org_id, scopes = _requested_organization(requested), grant.everywhere
    else:
        if not requested and grant.default_organization is None:
            raise NotAuthenticated("Token is missing organization claim.")
        if any(name not in organizations for name in requested):
            raise Forbidden(_NO_ACCESS)
        org_id = requested[0] if requested else grant.default_organization
        scopes = organizations[org_id or ""]
    return Caller(credential_id=grant.credential_id, org_id=org_id, scopes=scopes, access=grant.access)


def _requested_organization(requested: list[str]) -> str | None:
    """Return the organization that a sender's or an operator's request names, or None if it names none."""
    if not requested:
        return None
    if NOT_UTF8 in requested[0]:
        raise Unprocessable("The organization's id is not UTF-8.")
    try:
        return read_id("The organization's id", requested[0])
    except FieldError as error:
        raise Unprocessable(error.detail) from None
