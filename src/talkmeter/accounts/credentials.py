"""Credentials as they are stored: never a secret, only its SHA-256."""

import hmac
import secrets
from enum import StrEnum
from hashlib import sha256

import msgspec
from sqlalchemy import Connection, bindparam, delete, select, update

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows

_credential = tables.credential.c
_grant = tables.credential_grant.c
_FIND = Compiled(select(*_credential).where(_credential.id == bindparam("id")))
_LIST = Compiled(select(*_credential).order_by(_credential.created_at, _credential.id))
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
    """Whose a credential is: an organization's key, a sender's key for any organization, a person's token."""

    ORGANIZATION = "organization"
    SENDER = "sender"
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
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Issued(msgspec.Struct, frozen=True):
    """A credential just made, with the secret that is shown this once."""

    credential: Credential
    secret: str


def issue(  # noqa: PLR0913 - what a credential consists of
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
) -> Issued:
    """Make and store a credential; `grants` (personal tokens) says which role in which organization."""
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
    rows = [(credential.id, granted, role_there) for granted, role_there in sorted(grants.items())]
    insert_rows(connection, tables.credential_grant, rows, OnConflict.KEEP)
    return Issued(credential, secret)


def find_credential(connection: Connection, credential_id: str) -> Credential | None:
    """The credential of an id, revoked and expired ones too."""
    rows = _FIND.run(connection, (credential_id,))
    return msgspec.convert(rows[0], Credential) if rows else None


def list_credentials(connection: Connection) -> list[Credential]:
    """All credentials, oldest first."""
    return [msgspec.convert(row, Credential) for row in _LIST.run(connection, ())]


def grants_of(connection: Connection, credential_id: str) -> dict[str, str]:
    """Which role a personal token has in which organization."""
    return {str(org_id): str(role) for org_id, role in _GRANTS.run(connection, (credential_id,))}


def revoke(connection: Connection, credential_id: str, now: int) -> bool:
    """Revoke a credential; False where it is unknown or was revoked before."""
    return _REVOKE.change(connection, (now, credential_id)) > 0


def delete_named(connection: Connection, org_id: str, name: str) -> None:
    """Delete an organization's credentials of one name (the demonstration makes its own anew at each start)."""
    _DELETE_NAMED.change(connection, (org_id, name))


def secret_matches(credential: Credential | None, secret: str) -> bool:
    """Whether a secret is the credential's, in constant time, for an unknown credential too."""
    expected = _NO_SECRET if credential is None else credential.secret_hash
    return hmac.compare_digest(sha256(secret.encode()).digest(), expected) and credential is not None
