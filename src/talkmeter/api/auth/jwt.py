"""Verify JWTs of the operator's identity provider and turn them into grants.

Only asymmetric algorithms are accepted, so that a public key cannot be misused as a shared secret. The key determines
the algorithm, and the token must state the same. A token must have an `exp`, and match the configured audience (`aud`)
and issuer (`iss`).
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
_BAD_SIGNATURE: Final = "The token's signature is not valid for the identity provider's key."
_INVALID_CLAIMS: Final = "The token's claims are not valid."
_SENTENCES: Final[dict[type[Exception], str]] = {
    ExpiredSignatureError: "The token has expired.",
    ImmatureSignatureError: "The token is not valid yet.",
    InvalidAudienceError: "The token is for another audience.",
    InvalidIssuerError: "The token is from another issuer.",
    InvalidSignatureError: _BAD_SIGNATURE,
    InvalidKeyError: _BAD_SIGNATURE,
}


class IdentityProvider:
    """The configured identity provider; it fetches its keys when the first token arrives."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = KeySource(settings.jwt_jwks_url)

    async def grant_of(self, token: str) -> Grant:
        """Verify a token and return its grant. Raises NotAuthenticated with the reason if the token is not valid."""
        if len(token) > MAX_TOKEN:
            raise NotAuthenticated(f"The token is longer than {MAX_TOKEN} characters.")
        header = _read_header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise NotAuthenticated(f"The token's algorithm must be one of {', '.join(ALGORITHMS)}.")
        key = await self._keys.find(None if kid is None else str(kid))
        if key is None:
            raise NotAuthenticated("The token's key id is unknown to the identity provider.")
        return self._grant(self._verify(token, key, algorithm))

    def close(self) -> None:
        """Stop fetching keys."""
        self._keys.close()

    def _verify(self, token: str, key: Jwk, algorithm: str) -> dict[str, Any]:
        """Verify a token's signature, issuer, audience and times, and return its claims."""
        if key.get("alg", algorithm) != algorithm:
            raise NotAuthenticated("The token's algorithm differs from its key's algorithm.")
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

    def _grant(self, claims: dict[str, Any]) -> Grant:
        """Return the grant of the claims: the same roles and scopes in each organization of the token."""
        settings = self._settings
        claimed = _strings(_claim(claims, settings.jwt_organizations_claim), split=False)
        if not claimed:
            raise NotAuthenticated(f"The token has no organization in its claim '{settings.jwt_organizations_claim}'.")
        if len(claimed) > MAX_ORGANIZATIONS:
            raise NotAuthenticated(f"The token has more than {MAX_ORGANIZATIONS} organizations.")
        try:
            org_ids = [read_id("The organization in the token", org_id) for org_id in claimed]
        except FieldError as error:
            raise NotAuthenticated(error.detail) from None
        claimed_scopes = tuple(_strings(_claim(claims, settings.jwt_scopes_claim), split=True))
        roles = _strings(_claim(claims, settings.jwt_role_claim), split=False)
        scopes = frozenset[str]().union(*(expand(role, claimed_scopes) for role in roles or [""]))
        subject = "".join(character for character in str(claims.get("sub", "")) if character.isprintable())
        return Grant(
            credential_id=f"jwt:{subject[:150]}",
            organizations=dict.fromkeys(org_ids, scopes),
            default_organization=org_ids[0] if len(set(org_ids)) == 1 else None,
            expires_at=int(claims["exp"]) * MICROSECONDS_PER_SECOND,
            stored=False,
        )


def identity_provider(settings: Settings) -> IdentityProvider | None:
    """Return the configured identity provider, or None. Raises Misconfigured if a required setting is missing."""
    required = {
        "TALKMETER_JWT_ISSUER": settings.jwt_issuer,
        "TALKMETER_JWT_AUDIENCE": settings.jwt_audience,
        "TALKMETER_JWT_JWKS_URL": settings.jwt_jwks_url,
    }
    missing = [name for name, value in required.items() if not value]
    if len(missing) == len(required):
        return None
    if missing:
        raise Misconfigured(f"To accept tokens of an identity provider, also set {' and '.join(missing)}.")
    return IdentityProvider(settings)


def _read_header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except (InvalidTokenError, ValueError, RecursionError):
        raise NotAuthenticated("The token in the Authorization header is not a valid JWT.") from None


def _sentence(error: Exception) -> str:
    if isinstance(error, MissingRequiredClaimError):
        return f"The token has no claim '{error.claim}'."
    return next((sentence for kind, sentence in _SENTENCES.items() if isinstance(error, kind)), _INVALID_CLAIMS)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim by its exact name, or by its dotted path (`realm_access.roles`)."""
    if name in claims:
        return claims[name]
    value: object = claims
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _strings(value: object, *, split: bool) -> list[str]:
    """Return a claim as a list of strings; `split`: split a string at spaces, as in a scopes claim."""
    match value:
        case str():
            return value.split() if split else [value] if value else []
        case list():
            return [item for item in value if isinstance(item, str) and item]
        case _:
            return []
