"""Connectors: each belongs to one organization and stores the secrets its provider signs with, encrypted.

The encryption key, TALKMETER_SECRET_KEY, is never in the database: a copy of the database alone reveals no secret.
"""

import secrets
from base64 import b64decode, urlsafe_b64encode
from typing import Final, NamedTuple

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import Connection, bindparam, select, update

from talkmeter.db import tables
from talkmeter.db.damage import UNREADABLE_VALUES, damaged_row, split_damaged
from talkmeter.db.statements import Compiled, OnConflict, Row, insert_rows
from talkmeter.errors import Damaged, Misconfigured, SecretUnreadable

SOURCE_PREFIX: Final = "/connectors/"
"""The event `source` of a connector is this prefix and its id."""
_column = tables.connector.c
_FIND = Compiled(select(*_column).where(_column.id == bindparam("id")), checked=False)
_LIST = Compiled(select(*_column).order_by(_column.created_at, _column.id), checked=False)
_DISABLE = Compiled(
    update(tables.connector)
    .where(_column.id == bindparam("id_"), _column.disabled_at.is_(None))
    .values(disabled_at=bindparam("at"))
)
_UPDATE_SECRETS = Compiled(
    update(tables.connector).where(_column.id == bindparam("id_")).values(secrets=bindparam("encrypted"))
)
_REPLACE_SECRETS = Compiled(
    update(tables.connector)
    .where(_column.id == bindparam("id_"), _column.secrets == bindparam("old"))
    .values(secrets=bindparam("encrypted"))
)
_KEY_MISSING: Final = (
    "TALKMETER_SECRET_KEY is not set; it encrypts the secrets of connectors and webhooks. Create a key with: "
    "openssl rand -base64 32"
)


class Connector(NamedTuple):
    """A row of `connector`; `secrets` is encrypted, `disabled_at` is None while the connector is enabled."""

    id: str
    org_id: str
    provider: str
    secrets: bytes
    created_at: int
    disabled_at: int | None


class SecretBox:
    """Encrypts and decrypts the secrets of connectors and webhooks."""

    def __init__(self, keys: str) -> None:
        """Take the value of TALKMETER_SECRET_KEY, which may be empty. Raises Misconfigured if it is not a key."""
        try:
            self._keys = [_read_key(key) for key in keys.split(",")] if keys else []
        except ValueError:
            raise Misconfigured(
                "TALKMETER_SECRET_KEY must be 32 bytes in base64, as 'openssl rand -base64 32' prints them, "
                "or several such keys with a comma between them."
            ) from None

    def encrypt(self, plain: list[str]) -> bytes:
        """Encrypt the current secret and, during a rotation, the previous one after it, with the first key.

        Raises Misconfigured if there is no key.
        """
        if not self._keys:
            raise Misconfigured(_KEY_MISSING)
        return self._keys[0].encrypt(msgspec.json.encode(plain))

    def decrypt(self, connector: Connector) -> list[str]:
        """Return a connector's secrets, the current one first. Raises SecretUnreadable if no key decrypts them."""
        remedy = "set a new secret with 'talkmeter connectors rotate'"
        return self.open(connector.secrets, f"connector {connector.id}", remedy)

    def open(self, encrypted: bytes, owner: str, remedy: str) -> list[str]:
        """Return encrypted secrets. Raises SecretUnreadable, with the owner and the remedy, if no key decrypts them."""
        if not self._keys:
            raise SecretUnreadable(_KEY_MISSING)
        try:
            return msgspec.json.decode(MultiFernet(self._keys).decrypt(encrypted), type=list[str])
        except InvalidToken:
            raise SecretUnreadable(
                f"The secrets of {owner} were encrypted with another TALKMETER_SECRET_KEY, or are damaged. Append that "
                f"key to the setting, after a comma, or {remedy}."
            ) from None

    def is_current(self, encrypted: bytes) -> bool:
        """Return whether the first key decrypts secrets, so that the others are not needed for them."""
        try:
            self._keys[0].decrypt(encrypted)
        except InvalidToken:
            return False
        return True

    def locked(self, connectors: list[Connector]) -> list[Connector]:
        """Return the enabled connectors whose secrets cannot be decrypted."""
        return [
            connector for connector in connectors if connector.disabled_at is None and not self._decrypts(connector)
        ]

    def _decrypts(self, connector: Connector) -> bool:
        try:
            self.decrypt(connector)
        except SecretUnreadable:
            return False
        return True


def _read_key(text: str) -> Fernet:
    """Return the key of 32 bytes in base64, with either alphabet. Raises ValueError for anything else."""
    # Fernet itself skips characters that are not base64, and so would take a part of a text with a wrong separator.
    raw = b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    return Fernet(urlsafe_b64encode(raw))


def add_connector(connection: Connection, org_id: str, provider: str, encrypted: bytes, now: int) -> str:
    """Add a connector; return its id, which cannot be guessed."""
    id_ = secrets.token_hex(16)
    insert_rows(connection, tables.connector, [(id_, org_id, provider, encrypted, now, None)], OnConflict.KEEP)
    return id_


def find_connector(connection: Connection, id_: str) -> Connector | None:
    """Return the connector with an id, enabled or disabled."""
    rows = _FIND.run(connection, (id_,))
    return decode_connector(rows[0]) if rows else None


def list_connectors(connection: Connection) -> tuple[list[Connector], list[Damaged]]:
    """Return all connectors, oldest first, and the damaged ones."""
    return split_damaged(_LIST.run(connection, ()), decode_connector)


def disable_connector(connection: Connection, id_: str, now: int) -> bool:
    """Disable a connector, so that it accepts no more messages; return whether it was enabled."""
    return _DISABLE.change(connection, (now, id_)) > 0


def update_secrets(connection: Connection, id_: str, encrypted: bytes) -> None:
    """Replace a connector's secrets."""
    _UPDATE_SECRETS.change(connection, (encrypted, id_))


def replace_secrets(connection: Connection, connector: Connector, encrypted: bytes) -> None:
    """Replace a connector's secrets, unless they have changed since it was read."""
    _REPLACE_SECRETS.change(connection, (encrypted, connector.id, connector.secrets))


def decode_connector(row: Row) -> Connector:
    """Return the connector in a row. Raises Damaged if it cannot be decoded."""
    try:
        return msgspec.convert(row, Connector)
    except UNREADABLE_VALUES as error:
        raise damaged_row(tables.connector, row, error) from error
