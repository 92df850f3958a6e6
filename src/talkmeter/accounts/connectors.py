"""Connectors: each belongs to one organization, and has the secrets its stack signs with, stored encrypted.

The key is TALKMETER_SECRET_KEY. It never stands in the database, so that a copy of the database alone signs nothing.
"""

import secrets
from typing import Final, NamedTuple

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection, bindparam, select, update

from talkmeter.db import tables
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows, integer
from talkmeter.errors import Misconfigured

SOURCES: Final = "/connectors/"
"""What the source of all that a connector tells begins with; its id follows."""
_connector = tables.connector.c
_FIND = Compiled(select(*_connector).where(_connector.id == bindparam("id")))
_LIST = Compiled(select(*_connector).order_by(_connector.created_at, _connector.id))
_DISABLE = Compiled(
    update(tables.connector)
    .where(_connector.id == bindparam("id_"), _connector.disabled_at.is_(None))
    .values(disabled_at=bindparam("at"))
)
_KEEP = Compiled(update(tables.connector).where(_connector.id == bindparam("id_")).values(secrets=bindparam("kept")))


class Connector(NamedTuple):
    """A row of `connector`; `secrets` is encrypted, `disabled_at` None as long as it is used."""

    id: str
    org_id: str
    provider: str
    secrets: bytes
    created_at: int
    disabled_at: int | None


class SecretBox:
    """Encrypts and decrypts the secrets of connectors."""

    def __init__(self, keys: str) -> None:
        """Take TALKMETER_SECRET_KEY. Misconfigured where it is empty or no key, with how to make one."""
        if not keys:
            raise Misconfigured(
                "TALKMETER_SECRET_KEY is not set; the secrets of connectors are stored encrypted with it. "
                "Make one with: openssl rand -base64 32"
            )
        try:
            self._fernet = MultiFernet([Fernet(_urlsafe(key)) for key in keys.split(",")])
        except ValueError:
            raise Misconfigured(
                "TALKMETER_SECRET_KEY must be 32 bytes in base64, as 'openssl rand -base64 32' prints them."
            ) from None

    def lock(self, plain: list[str]) -> bytes:
        """The present secret, and the one before it while it is changed, encrypted."""
        return self._fernet.encrypt(msgspec.json.encode(plain))

    def unlock(self, connector: Connector) -> list[str]:
        """The secrets of a connector, the present one first. Misconfigured where another key encrypted them."""
        try:
            return msgspec.json.decode(self._fernet.decrypt(connector.secrets), type=list[str])
        except InvalidToken:
            raise Misconfigured(
                f"The secrets of connector {connector.id} were encrypted with another TALKMETER_SECRET_KEY: "
                "set that one too, after a comma, or give the connector a new secret."
            ) from None


def _urlsafe(key: str) -> bytes:
    return key.strip().replace("+", "-").replace("/", "_").encode()


def add_connector(connection: Connection, org_id: str, provider: str, locked: bytes, now: int) -> str:
    """Make a connector; its id, which nobody can guess."""
    id_ = secrets.token_hex(16)
    insert_rows(connection, tables.connector, [(id_, org_id, provider, locked, now, None)], OnConflict.KEEP)
    return id_


def find_connector(connection: Connection, id_: str) -> Connector | None:
    """The connector of an id, used or not."""
    rows = _FIND.run(connection, (id_,))
    return _connector_of(rows[0]) if rows else None


def list_connectors(connection: Connection) -> list[Connector]:
    """All connectors, the oldest first."""
    return [_connector_of(row) for row in _LIST.run(connection, ())]


def disable_connector(connection: Connection, id_: str, now: int) -> bool:
    """Let a connector take no more messages; whether it did until now."""
    return _DISABLE.change(connection, (now, id_)) > 0


def keep_secrets(connection: Connection, id_: str, locked: bytes) -> None:
    """Give a connector other secrets."""
    _KEEP.change(connection, (locked, id_))


def _connector_of(row: Row) -> Connector:
    id_, org_id, provider, locked, created_at, disabled_at = row
    assert isinstance(locked, bytes)  # noqa: S101  the column's type
    until = None if disabled_at is None else integer(disabled_at)
    return Connector(str(id_), str(org_id), str(provider), locked, integer(created_at), until)
