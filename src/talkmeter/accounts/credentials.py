"""Stored credentials: keys and tokens, each with the SHA-256 of its secret."""

import hmac
import secrets
from enum import StrEnum
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row, split_damaged
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows
from talkmeter.errors import Damaged

_credential = tables.credential.c
_grant = tables.credential_grant.c
_FIND = Compiled(select(*_credential).where(_credential.id == bindparam("id")), checked=False)
_LIST = Compiled(select(*_credential).order_by(_credential.created_at, _credential.id), checked=False)
_GRANTS = Compiled(
    select(_grant.org_id, _grant.role).where(_grant.credential_id == bindparam("id")).order_by(_grant.org_id)
)
_REVOKE = Compiled(
    update(tables.credential)
    .where(_credential.id == bindparam("id_"), _credential.revoked_at.is_(None))
    .values(revoked_at=bindparam("at"))
)
_DELETE_NAMED = Compiled(
    delete(tables.credential).where(_credential.org_id == bindparam("org"), _credential.name == bindparam("named"))
)
_NO_SECRET = sha256(b"").digest()


class CredentialKind(StrEnum):
    """The kind of credential: a key of an organization, of a sender or of an operator, or a personal token."""

    ORGANIZATION = "organization"
    SENDER = "sender"
    OPERATOR = "operator"
    PERSONAL = "personal"


class Credential(msgspec.Struct, frozen=True, array_like=True):
    """A row of `credential`; instants in microseconds, `scopes` separated by spaces."""

    id: str
    kind: CredentialKind
    org_id: str | None
    name: str | None
    secret_hash: bytes
    role: str | None
    scopes: str
    created_at: int
    expires_at: int | None
    revoked_at: int | None

    def usable(self, now: int) -> bool:
        """Return whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class IssuedCredential(msgspec.Struct, frozen=True):
    """A new credential with its secret, which is not stored and so can be shown only now."""

    credential: Credential
    secret: str


def issue(  # noqa: PLR0913  one argument for each part of a credential
    connection: Connection,
    kind: CredentialKind,
    *,
    org_id: str | None,
    name: str | None,
    role: str | None,
    scopes: tuple[str, ...],
    grants: dict[str, str],
    now: int,
    expires_at: int | None,
) -> IssuedCredential:
    """Create and store a credential; `grants` is the role by organization, for personal tokens."""
    secret = secrets.token_urlsafe(32)
    credential = Credential(
        id=secrets.token_hex(8),
        kind=kind,
        org_id=org_id,
        name=name,
        secret_hash=sha256(secret.encode()).digest(),
        role=role,
        scopes=" ".join(scopes),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
    )
    insert_rows(connection, tables.credential, [msgspec.structs.astuple(credential)], OnConflict.KEEP)
    rows = [(credential.id, granted_org, granted_role) for granted_org, granted_role in sorted(grants.items())]
    insert_rows(connection, tables.credential_grant, rows, OnConflict.KEEP)
    return IssuedCredential(credential, secret)


def decode_credential(row: Row) -> Credential:
    """Return the credential in a row. Raises Damaged if it cannot be decoded."""
    try:
        return msgspec.convert(row, Credential)
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.credential, row, error) from error


def find_credential(connection: Connection, credential_id: str) -> Credential | None:
    """Return the credential with an id, even if it is revoked or expired."""
    rows = _FIND.run(connection, (credential_id,))
    return decode_credential(rows[0]) if rows else None


def list_credentials(connection: Connection) -> tuple[list[Credential], list[Damaged]]:
    """Return all credentials, oldest first, and the damaged ones."""
    return split_damaged(_LIST.run(connection, ()), decode_credential)


def read_grants(connection: Connection, credential_id: str) -> dict[str, str]:
    """Return a personal token's role by organization."""
    return {str(org_id): str(role) for org_id, role in _GRANTS.run(connection, (credential_id,))}


def revoke(connection: Connection, credential_id: str, now: int) -> bool:
    """Revoke a credential; return False if it is unknown or already revoked."""
    return _REVOKE.change(connection, (now, credential_id)) > 0


def delete_named(connection: Connection, org_id: str, name: str) -> None:
    """Delete an organization's credentials with a name; the demo recreates its own at each start."""
    _DELETE_NAMED.change(connection, (org_id, name))


def secret_matches(credential: Credential | None, secret: str) -> bool:
    """Return whether a secret is the credential's, in constant time even if the credential is unknown (None)."""
    expected = _NO_SECRET if credential is None else credential.secret_hash
    return hmac.compare_digest(sha256(secret.encode()).digest(), expected) and credential is not None
