"""Migrates a database to this program's schema version, and checks its version."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Column, Connection, Engine, MetaData, Table, Text, bindparam, inspect, select

from talkmeter.db import tables
from talkmeter.db.citus import distribute, undistributed_tables
from talkmeter.db.engine import reading, writing
from talkmeter.db.statements import Compiled, OnConflict, insert_rows
from talkmeter.errors import Misconfigured

if TYPE_CHECKING:
    from alembic.config import Config

NEWEST: Final = "0003"
"""The schema version this program needs: the latest one in `migrations/versions`."""
DATABASE_ID: Final = "database_id"
LOCK_TIMEOUT_SEC: Final = 5
_MIGRATION_LOCK: Final = 8_391_227_046_114_550_311
"""An arbitrary key for PostgreSQL's advisory lock, unlikely to be used by another program."""
_META: Final = Compiled(select(tables.meta.c.value).where(tables.meta.c.name == bindparam("name")))


_VERSION: Final = Table("schema_version", MetaData(), Column("version_num", Text()))
"""Alembic's version table."""


def _config() -> "Config":
    # Alembic takes 0.17 s to import, and only a migration needs it.
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def schema_version(connection: Connection) -> str | None:
    """Return the database's schema version, or None if the database is empty."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    version: str | None = connection.scalar(select(_VERSION.c.version_num))
    return version


def migrate(engine: Engine) -> bool:
    """Migrate the database to this version in one transaction; return whether anything changed.

    With Citus, the usage tables are distributed afterwards, each in its own transaction, so that an interrupted
    migration continues where it stopped. Raises Misconfigured if a newer program created the database.
    """
    migrated = _upgrade(engine)
    distributed = False
    while _distribute_next(engine):
        distributed = True
    return migrated or distributed


def _upgrade(engine: Engine) -> bool:
    with reading(engine) as connection:
        if is_current(connection):
            return False
    with writing(engine) as connection:
        _lock_migrations(connection)
        _require_known_version(connection)
        if is_current(connection):
            return False
        from alembic import command  # noqa: PLC0415  slow to import, see _config

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        insert_rows(connection, tables.meta, [(DATABASE_ID, secrets.token_hex(16))], OnConflict.KEEP)
    return True


def _distribute_next(engine: Engine) -> bool:
    with reading(engine) as connection:
        if not undistributed_tables(connection):
            return False
    with writing(engine) as connection:
        _lock_migrations(connection)
        # A concurrent migration may have distributed the rest.
        remaining = undistributed_tables(connection)
        for table in remaining[:1]:
            distribute(connection, table)
    return bool(remaining)


def require_current(engine: Engine) -> None:
    """Raise Misconfigured if the schema has another version, or if Citus has not distributed all tables yet."""
    with reading(engine) as connection:
        version = schema_version(connection)
        if version == NEWEST:
            if missing := undistributed_tables(connection):
                raise Misconfigured(
                    f"The database uses Citus, but these tables are not distributed yet: {', '.join(missing)}. "
                    "Run 'talkmeter migrate' first, as a role that may alter tables."
                )
            return
        _require_known_version(connection)
    found = "has no schema yet" if version is None else f"has schema version {version}"
    raise Misconfigured(
        f"The database {found}, but this program needs version {NEWEST}. "
        "Run 'talkmeter migrate' first, as a role that may alter tables."
    )


def is_current(connection: Connection) -> bool:
    """Return whether the database has the schema version this program needs."""
    return schema_version(connection) == NEWEST


def database_id(connection: Connection) -> str:
    """Return the random id that the database got when it was created."""
    return str(_META.run(connection, (DATABASE_ID,))[0][0])


def _lock_migrations(connection: Connection) -> None:
    """On PostgreSQL, run one migration at a time, with a limit on lock waits, because queries queue behind them."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SEC}s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def _require_known_version(connection: Connection) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415  slow to import, see _config

    version = schema_version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        raise Misconfigured(
            f"The database has schema version {version}, which this program does not know: it was created by a newer "
            "Talkmeter. Install that version or a later one."
        )
