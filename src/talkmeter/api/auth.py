"""Who may: a bearer credential becomes a caller with an organization and concrete scopes.

Checks come in the order 401, 403, 422. Unknown and forbidden organizations look alike. What the database says of a
credential is believed for at most 5 seconds, so that a revocation acts that soon in every process.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import msgspec
from cachetools import TTLCache
from litestar.handlers import BaseRouteHandler

from talkmeter import clock
from talkmeter.api.problems import Connected
from talkmeter.api.scopes import EVENTS_WRITE, expand
from talkmeter.api.service import Service
from talkmeter.errors import Forbidden, NotAuthenticated, Unprocessable
from talkmeter.ingest.fields import FieldError, read_id
from talkmeter.ledger.credentials import (
    Credential,
    CredentialKind,
    find_credential,
    grants_of,
    secret_matches,
)
from talkmeter.ledger.engine import Connection
from talkmeter.period import format_instant

BELIEVED_SEC: Final = 5
MOST_BELIEVED: Final = 10_000
ORGANIZATION_HEADER: Final = "X-Anyreach-Org"
ORGANIZATION_PARAMETER: Final = "organization_id"
_PREFIXES: Final = {
    CredentialKind.ORGANIZATION: "ak_",
    CredentialKind.SENDER: "ak_",
    CredentialKind.PERSONAL: "pat_",
}
_LONGEST_TOKEN: Final = 300
NOT_UTF8: Final = "\N{REPLACEMENT CHARACTER}"
"""What stands in the place of bytes that are no UTF-8, once a header or a query has been decoded."""


class Caller(msgspec.Struct, frozen=True):
    """Who asks: `org_id` is the one organization of the request, None for a sender of any."""

    credential_id: str
    org_id: str | None
    scopes: frozenset[str]


class Known(NamedTuple):
    """What the database says of a credential id."""

    credential: Credential | None
    grants: dict[str, str]


class Authenticator:
    """Turns the headers of a request into a caller."""

    def __init__(self, service: Service) -> None:
        """Nothing is believed yet."""
        self._service = service
        self._believed: TTLCache[str, Known] = TTLCache(MOST_BELIEVED, BELIEVED_SEC, timer=clock.monotonic)

    async def caller(self, connection: Connected) -> Caller:
        """The caller of a request. NotAuthenticated, Forbidden or Unprocessable, in this order."""
        prefix, credential_id, secret = read_token(connection.headers.get("authorization"))
        known = await self._known(credential_id)
        credential = known.credential
        matches = secret_matches(credential, secret)
        if credential is None or not matches or _PREFIXES[credential.kind] != prefix:
            raise NotAuthenticated("The credential is not known here.")
        _refuse_ended(credential)
        return _caller_for(credential, known.grants, named_organizations(connection))

    async def _known(self, credential_id: str) -> Known:
        known = self._believed.get(credential_id)
        if known is None:

            def look_up(connection: Connection) -> Known:
                return Known(find_credential(connection, credential_id), grants_of(connection, credential_id))

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
    if scheme.lower() != "bearer" or prefix is None or not dot or len(token) > _LONGEST_TOKEN or not token.isascii():
        raise NotAuthenticated(
            "The Authorization header must be 'Bearer' and an organization key (ak_<id>.<secret>) "
            "or a personal access token (pat_<id>.<secret>)."
        )
    return prefix, credential_id, secret


def named_organizations(connection: Connected) -> list[str]:
    """The organizations a request names, by header and by parameter; a header's bytes are UTF-8."""
    headers = connection.headers.getall(ORGANIZATION_HEADER, [])
    named = [header.encode("latin-1").decode("utf-8", "replace") for header in headers]
    return [name for name in (*named, *connection.query_params.getall(ORGANIZATION_PARAMETER, [])) if name]


def requires(scope: str | None) -> Callable[[Connected, BaseRouteHandler], Awaitable[None]]:
    """A guard: the caller must hold the scope (None: any valid credential); it stands in `connection.state.caller`."""

    async def guard(connection: Connected, _handler: BaseRouteHandler) -> None:
        authenticator: Authenticator = connection.app.state.authenticator
        caller = await authenticator.caller(connection)
        if scope is not None and scope not in caller.scopes:
            raise Forbidden(f"This needs the scope {scope}, which the credential does not have.")
        if len(set(named_organizations(connection))) > 1:
            both = f"The header {ORGANIZATION_HEADER} and the parameter {ORGANIZATION_PARAMETER}"
            raise Unprocessable(f"{both} name different organizations.")
        connection.state.caller = caller

    return guard


def caller_of(connection: Connected) -> Caller:
    """The caller that the guard found."""
    caller: Caller = connection.state.caller
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


def _caller_for(credential: Credential, grants: dict[str, str], named: list[str]) -> Caller:
    """The caller in the organization the request names, if the credential reaches there."""
    org_id: str | None
    scopes: frozenset[str]
    match credential.kind:
        case CredentialKind.ORGANIZATION:
            if any(name != credential.org_id for name in named):
                raise Forbidden("The credential does not reach this organization.")
            org_id, scopes = credential.org_id, expand(credential.role, tuple(credential.scopes.split()))
        case CredentialKind.PERSONAL:
            if not named:
                raise NotAuthenticated("Token is missing organization claim.")
            if any(name not in grants for name in named):
                raise Forbidden("The credential does not reach this organization.")
            org_id, scopes = named[0], expand(grants[named[0]], ())
        case CredentialKind.SENDER:
            org_id, scopes = _any_organization(named), frozenset({EVENTS_WRITE})
    return Caller(credential_id=credential.id, org_id=org_id, scopes=scopes)


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
