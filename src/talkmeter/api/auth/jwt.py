"""JWTs of an operator's identity provider: a token that proves its issuer becomes a reach.

Only asymmetric algorithms are taken, so that no public key can serve as a secret; the key decides the algorithm, the
token only repeats it. A token must end (`exp`), be meant for us (`aud`) and come from the configured issuer (`iss`).
"""

from collections.abc import Mapping
from typing import Any, Final

import jwt
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidTokenError,
    MissingRequiredClaimError,
    PyJWTError,
)

from talkmeter.api.auth.grant import Grant
from talkmeter.api.auth.jwks import Jwk, KeySource
from talkmeter.api.auth.scopes import expand
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.errors import Misconfigured, NotAuthenticated
from talkmeter.ingest.fields import FieldError, read_id
from talkmeter.settings import Settings

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
MAX_TOKEN: Final = 16_384
LEEWAY_SEC: Final = 30
MAX_ORGANIZATIONS: Final = 1_000
_FORGED: Final = "The token's signature is not that of its identity provider."
_UNREADABLE: Final = "The token's claims cannot be read."
_SENTENCES: Final[dict[type[Exception], str]] = {
    ExpiredSignatureError: "The token has expired.",
    ImmatureSignatureError: "The token is not valid yet.",
    InvalidAudienceError: "The token is meant for another audience.",
    InvalidIssuerError: "The token comes from another issuer.",
    InvalidSignatureError: _FORGED,
    InvalidKeyError: _FORGED,
}


class IdentityProvider:
    """The one identity provider whose tokens are taken."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is fetched before the first token."""
        self._settings = settings
        self._keys = KeySource(settings.jwt_jwks_url)

    async def grant_of(self, token: str) -> Grant:
        """How far a token goes. NotAuthenticated, with the reason, where it is not valid."""
        if len(token) > MAX_TOKEN:
            raise NotAuthenticated(f"The token is longer than {MAX_TOKEN} characters.")
        header = _read_header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise NotAuthenticated(f"The token's algorithm must be one of {', '.join(ALGORITHMS)}.")
        key = await self._keys.find(None if kid is None else str(kid))
        if key is None:
            raise NotAuthenticated("The token names a key that its identity provider does not have.")
        return self._reach(self._verify(token, key, algorithm))

    def _verify(self, token: str, key: Jwk, algorithm: str) -> dict[str, Any]:
        """The claims of a token whose signature, issuer, audience and times are right."""
        if key.get("alg", algorithm) != algorithm:
            raise NotAuthenticated("The token's algorithm is not that of its key.")
        try:
            return jwt.decode(
                token,
                jwt.PyJWK(dict(key), algorithm),
                algorithms=[algorithm],
                audience=self._settings.jwt_audience,
                issuer=self._settings.jwt_issuer,
                leeway=LEEWAY_SEC,
                options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
            )
        except (PyJWTError, ValueError, ArithmeticError, RecursionError) as error:
            raise NotAuthenticated(_sentence(error)) from None

    def _reach(self, claims: dict[str, Any]) -> Grant:
        """What the claims allow: the same role and scopes in each organization they name."""
        settings = self._settings
        org_ids = _words(_claim(claims, settings.jwt_organizations_claim), separated=False)
        if not org_ids:
            raise NotAuthenticated(
                f"The token names no organization in its claim '{settings.jwt_organizations_claim}'."
            )
        if len(org_ids) > MAX_ORGANIZATIONS:
            raise NotAuthenticated(f"The token names more than {MAX_ORGANIZATIONS} organizations.")
        try:
            reached = [read_id("The organization in the token", org_id) for org_id in org_ids]
        except FieldError as error:
            raise NotAuthenticated(error.detail) from None
        named = tuple(_words(_claim(claims, settings.jwt_scopes_claim), separated=True))
        roles = _words(_claim(claims, settings.jwt_role_claim), separated=False)
        scopes = frozenset[str]().union(*(expand(role, named) for role in roles or [""]))
        subject = "".join(character for character in str(claims.get("sub", "")) if character.isprintable())
        return Grant(
            credential_id=f"jwt:{subject[:150]}",
            organizations=dict.fromkeys(reached, scopes),
            home=reached[0] if len(set(reached)) == 1 else None,
            expires_at=int(claims["exp"]) * MICROSECONDS_PER_SECOND,
            stored=False,
        )


def identity_provider(settings: Settings) -> IdentityProvider | None:
    """The configured identity provider; None where there is none. Misconfigured where it is configured by half."""
    needed = {
        "TALKMETER_JWT_ISSUER": settings.jwt_issuer,
        "TALKMETER_JWT_AUDIENCE": settings.jwt_audience,
        "TALKMETER_JWT_JWKS_URL": settings.jwt_jwks_url,
    }
    missing = [name for name, value in needed.items() if not value]
    if len(missing) == len(needed):
        return None
    if missing:
        raise Misconfigured(f"To take tokens of an identity provider, set {' and '.join(missing)} too.")
    return IdentityProvider(settings)


def _read_header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except (InvalidTokenError, ValueError, RecursionError):
        raise NotAuthenticated("The token in the Authorization header is not a JWT that can be read.") from None


def _sentence(error: Exception) -> str:
    if isinstance(error, MissingRequiredClaimError):
        return f"The token lacks the claim '{error.claim}'."
    return next((sentence for kind, sentence in _SENTENCES.items() if isinstance(error, kind)), _UNREADABLE)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name, which may hold dots; else by the path that the dots make (`realm_access.roles`)."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _words(value: object, *, separated: bool) -> list[str]:
    """A claim as a list of texts: a list, one text, or (scopes) one text of several words."""
    match value:
        case str():
            return value.split() if separated else [value] if value else []
        case list():
            return [one for one in value if isinstance(one, str) and one]
        case _:
            return []
