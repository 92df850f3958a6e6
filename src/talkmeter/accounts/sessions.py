"""Browser sessions and the one-time links that start them, stored by the SHA-256 of their secret.

A session started with a key or token refers to that credential and always has its current permissions. A session
started with a link or a JWT stores its permissions in `grants`. `access` says whether it may also change things.
"""

import secrets
from hashlib import sha256
from typing import Final, Literal, NamedTuple, get_args

import msgspec
from sqlalchemy import Connection, bindparam, delete, or_, select, update

from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row, skip_damaged
from talkmeter.db.statements import Compiled, OnConflict, Row, Value, insert_rows, integer, text

LINK_MINUTES: Final = 10
SECRET_BYTES: Final = 32
MICROSECONDS_PER_MINUTE: Final = 60_000_000

_link = tables.sign_in_link.c
_session = tables.session.c
_REDEEM_LINK = Compiled(
    delete(tables.sign_in_link)
    .where(_link.secret_hash == bindparam("hash"), _link.expires_at > bindparam("now"))
    .returning(_link.org_id, _link.role, _link.access)
)
_DELETE_LINKS = Compiled(delete(tables.sign_in_link).where(_link.org_id == bindparam("org")))
_DELETE_ALL_LINKS = Compiled(delete(tables.sign_in_link))
_DELETE_EXPIRED_LINKS = Compiled(delete(tables.sign_in_link).where(_link.expires_at <= bindparam("now")))
_FIND = Compiled(select(*_session).where(_session.secret_hash == bindparam("hash")), checked=False)
_LIST = Compiled(select(*_session).order_by(_session.created_at, _session.secret_hash), checked=False)
_TOUCH = Compiled(
    update(tables.session)
    .where(_session.secret_hash == bindparam("hash_"), _session.used_at == bindparam("seen"))
    .values(used_at=bindparam("at"))
)
_END = Compiled(delete(tables.session).where(_session.secret_hash == bindparam("hash")))
_DELETE_EXPIRED = Compiled(
    delete(tables.session).where(or_(_session.expires_at <= bindparam("now"), _session.used_at <= bindparam("idle")))
)

Access = Literal["read", "manage"]
"""What a session may do with its scopes: read only, or also create and change budgets."""
ACCESSES: Final[tuple[Access, ...]] = get_args(Access)
Grants = dict[str, list[str]]
"""Concrete scopes by organization."""
OPERATOR: Final = "operator"
"""The role of an operator's link, which belongs to no organization."""
EVERY_ORGANIZATION: Final = ""
"""In `Grants` and in links: an operator's, for every organization."""


class SignInLink(NamedTuple):
    """The organization and role that a one-time link signs in to, and what its session may do."""

    org_id: str
    role: str
    access: Access


class Session(NamedTuple):
    """A row of `session`; instants in microseconds. It has either a credential or grants."""

    secret_hash: bytes
    credential_id: str | None
    grants: Grants | None
    created_at: int
    used_at: int
    expires_at: int
    access: Access

    @property
    def id(self) -> str:
        """The id that people see."""
        return public_id(self.secret_hash)

    def usable(self, now: int, idle: int) -> bool:
        """Return whether it has not expired and was used within the last `idle` microseconds."""
        return now < self.expires_at and now - self.used_at < idle


def hash_secret(secret: str) -> bytes:
    """Return the stored hash of a secret. Secrets are long and random, so a slow password hash is not needed."""
    return sha256(secret.encode()).digest()


def public_id(secret_hash: bytes) -> str:
    """Return the id by which people and the audit log name a link or a session; it does not reveal the secret."""
    return secret_hash.hex()[:16]


def create_link(connection: Connection, org_id: str, role: str, access: Access, now: int) -> str:
    """Store a link that signs in once within `LINK_MINUTES`; return its secret, which is not stored."""
    _DELETE_EXPIRED_LINKS.change(connection, (now,))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = (hash_secret(secret), org_id, role, now + LINK_MINUTES * MICROSECONDS_PER_MINUTE, access)
    insert_rows(connection, tables.sign_in_link, [row], OnConflict.KEEP)
    return secret


def redeem_link(connection: Connection, secret: str, now: int) -> SignInLink | None:
    """Delete and return a valid link, or None. One statement, so that only one of two concurrent requests gets it."""
    rows = _REDEEM_LINK.run(connection, (hash_secret(secret), now))
    if not rows:
        return None
    org_id, role, access = rows[0]
    return SignInLink(text(org_id), text(role), _read_access(access))


def create_session(
    connection: Connection,
    credential_id: str | None,
    grants: Grants | None,
    access: Access,
    now: int,
    expires_at: int,
    idle: int,
) -> str:
    """Store a session and return its secret, which is not stored. Also deletes expired and idle sessions."""
    _DELETE_EXPIRED.change(connection, (now, now - idle))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    stored = None if grants is None else msgspec.json.encode(grants).decode()
    row = (hash_secret(secret), credential_id, stored, now, now, expires_at, access)
    insert_rows(connection, tables.session, [row], OnConflict.KEEP)
    return secret


def find_session(connection: Connection, secret_hash: bytes) -> Session | None:
    """Return the session with a secret's hash, even if it has expired."""
    rows = _FIND.run(connection, (secret_hash,))
    return decode_session(rows[0]) if rows else None


def list_sessions(connection: Connection) -> list[Session]:
    """Return all sessions, oldest first, also those that have expired; damaged ones are logged."""
    return skip_damaged(_LIST.run(connection, ()), decode_session)


def decode_session(row: Row) -> Session:
    """Return the session in a row. Raises Damaged if it cannot be decoded."""
    secret_hash, credential_id, grants, created_at, used_at, expires_at, access = row
    try:
        return Session(
            secret_hash=msgspec.convert(secret_hash, bytes),
            credential_id=None if credential_id is None else text(credential_id),
            grants=None if grants is None else msgspec.json.decode(text(grants), type=Grants),
            created_at=integer(created_at),
            used_at=integer(used_at),
            expires_at=integer(expires_at),
            access=_read_access(access),
        )
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.session, row, error) from error


def _read_access(value: Value) -> Access:
    """Return a stored access; anything unknown may only read."""
    return "manage" if value == "manage" else "read"


def touch_session(connection: Connection, session: Session, now: int) -> None:
    """Store when a session was last used, unless another request has stored that already."""
    _TOUCH.change(connection, (now, session.secret_hash, session.used_at))


def end_session(connection: Connection, secret_hash: bytes) -> None:
    """Delete a session, if it exists."""
    _END.change(connection, (secret_hash,))


def end_links(connection: Connection, org_id: str | None) -> int:
    """Delete the unused sign-in links of an organization, or of all (None); return how many there were."""
    return _DELETE_ALL_LINKS.change(connection, ()) if org_id is None else _DELETE_LINKS.change(connection, (org_id,))
