"""The schema version: the one that the database has, and the one that this program needs."""

from typing import Final

from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select

from talkmeter.db.statements import Compiled
from talkmeter.errors import NotWritable

NEWEST: Final = "0017"
"""The schema version this program needs: the latest one in `migrations/versions`."""
VERSION: Final = Table("schema_version", MetaData(), Column("version_num", Text()))
"""Alembic's version table. A migration on PostgreSQL locks it, and every write transaction reads it first."""
_READ: Final = Compiled(select(VERSION.c.version_num))


def schema_version(connection: Connection) -> str | None:
    """Return the database's schema version, or None if Talkmeter has not created its tables there."""
    inspector = inspect(connection)
    if not inspector.has_table(VERSION.name):
        return None
    # Other programs have a table with this name too.
    if VERSION.c.version_num.name not in {column["name"] for column in inspector.get_columns(VERSION.name)}:
        return None
    version: str | None = connection.scalar(select(VERSION.c.version_num))
    return version


def is_current(connection: Connection) -> bool:
    """Return whether the database has the schema version this program needs."""
    return schema_version(connection) == NEWEST


def require_version(connection: Connection) -> None:
    """Raise NotWritable if another version of Talkmeter has migrated the database. Call it in a write transaction.

    The version cannot change until the transaction ends: on SQLite there is one writer, on PostgreSQL a migration waits
    for every transaction that has read the version.
    """
    versions = _READ.run(connection, ())
    if versions == [(NEWEST,)]:
        return
    found = str(versions[0][0]) if versions else "none"
    is_newer = bool(versions) and found > NEWEST
    action = "restart the server with the version that migrated it" if is_newer else "run 'talkmeter migrate'"
    raise NotWritable(
        f"Nothing can be stored: the database has schema version {found}, but this server needs {NEWEST}; {action}."
    )
