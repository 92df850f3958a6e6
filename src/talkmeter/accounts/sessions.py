"""Browser sessions and the one-time links that begin them, as they are stored: never a secret, only its SHA-256.

A session that was begun with a key or a token points to it and reaches as far as it does at each moment; one that was
begun otherwise (a link, a JWT) keeps what it may in `grants`.
"""

import secrets
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, or_, select, update

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, insert_rows, integer

LINK_MINUTES: Final = 10
SECRET_BYTES: Final = 32
MICROSECONDS_PER_MINUTE: Final = 60_000_000

_link = tables.sign_in_link.c
_session = tables.session.c
_TAKE_LINK = Compiled(
    delete(tables.sign_in_link)
    .where(_link.secret_hash == bindparam("hash"), _link.expires_at > bindparam("now"))
    .returning(_link.org_id, _link.role)
)
_DROP_OLD_LINKS = Compiled(delete(tables.sign_in_link).where(_link.expires_at <= bindparam("now")))
_FIND = Compiled(select(*_session).where(_session.secret_hash == bindparam("hash")))
_TOUCH = Compiled(
    update(tables.session).where(_session.secret_hash == bindparam("hash_")).values(used_at=bindparam("at"))
)
_END = Compiled(delete(tables.session).where(_session.secret_hash == bindparam("hash")))
_DROP_OLD = Compiled(
    delete(tables.session).where(or_(_session.expires_at <= bindparam("now"), _session.used_at <= bindparam("idle")))
)

Grants = dict[str, list[str]]
"""Concrete scopes by organization."""


class Link(NamedTuple):
    """What a one-time link was made for."""

    org_id: str
    role: str


class Session(NamedTuple):
    """A row of `session`; instants in microseconds. It has either a credential or grants."""

    secret_hash: bytes
    credential_id: str | None
    grants: Grants | None
    created_at: int
    used_at: int
    expires_at: int

    def usable(self, now: int, idle: int) -> bool:
        """Whether it has neither expired nor been left alone for `idle` microseconds."""
        return now < self.expires_at and now - self.used_at < idle


def hash_of(secret: str) -> bytes:
    """What is stored of a secret, and looked up; secrets are long and random, so nothing slower is needed."""
    return sha256(secret.encode()).digest()


def make_link(connection: Connection, org_id: str, role: str, now: int) -> str:
    """Store a link that signs in once within `LINK_MINUTES`; its secret is returned this once."""
    _DROP_OLD_LINKS.change(connection, (now,))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = (hash_of(secret), org_id, role, now + LINK_MINUTES * MICROSECONDS_PER_MINUTE)
    insert_rows(connection, tables.sign_in_link, [row], OnConflict.KEEP)
    return secret


def take_link(connection: Connection, secret: str, now: int) -> Link | None:
    """Use a link up, in one statement, so that of two who try it at once one gets it; None where it is not valid."""
    rows = _TAKE_LINK.run(connection, (hash_of(secret), now))
    return Link(str(rows[0][0]), str(rows[0][1])) if rows else None


def begin_session(
    connection: Connection, credential_id: str | None, grants: Grants | None, now: int, expires_at: int, idle: int
) -> str:
    """Store a session; its secret is returned this once. Sessions that have ended are removed on the way."""
    _DROP_OLD.change(connection, (now, now - idle))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    stored = None if grants is None else msgspec.json.encode(grants).decode()
    row = (hash_of(secret), credential_id, stored, now, now, expires_at)
    insert_rows(connection, tables.session, [row], OnConflict.KEEP)
    return secret


def find_session(connection: Connection, secret_hash: bytes) -> Session | None:
    """The session of a secret's hash, ended ones too."""
    rows = _FIND.run(connection, (secret_hash,))
    if not rows:
        return None
    _, credential_id, grants, created_at, used_at, expires_at = rows[0]
    return Session(
        secret_hash=secret_hash,
        credential_id=None if credential_id is None else str(credential_id),
        grants=None if grants is None else msgspec.json.decode(str(grants), type=Grants),
        created_at=integer(created_at),
        used_at=integer(used_at),
        expires_at=integer(expires_at),
    )


def touch_session(connection: Connection, secret_hash: bytes, now: int) -> None:
    """Note that a session is in use."""
    _TOUCH.change(connection, (now, secret_hash))


def end_session(connection: Connection, secret_hash: bytes) -> None:
    """Remove a session; one that is gone stays gone."""
    _END.change(connection, (secret_hash,))
