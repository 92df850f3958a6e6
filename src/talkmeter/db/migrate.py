"""Migrates a database to this program's schema version, and checks its version."""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, inspect

from talkmeter.db import tables
from talkmeter.db.citus import distribute, undistributed_tables
from talkmeter.db.engine import changing_schema, reading
from talkmeter.db.meta import DATABASE_ID, LEDGER_ID, read_meta
from talkmeter.db.schema import NEWEST, VERSION, is_current, schema_version
from talkmeter.db.statements import OnConflict, insert_rows
from talkmeter.errors import Damaged, Misconfigured

if TYPE_CHECKING:
    from alembic.config import Config

LOCK_TIMEOUT_SEC: Final = 5
_MIGRATION_LOCK: Final = 8_391_227_046_114_550_311
"""An arbitrary key for PostgreSQL's advisory lock, unlikely to be used by another program."""


def _config() -> "Config":
    # Alembic takes 0.17 s to import, and only a migration needs it.
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def migrate(engine: Engine) -> bool:
    """Migrate the database to this version in one transaction; return whether anything changed.

    With Citus, the usage tables are distributed afterwards, each in its own transaction, so that an interrupted
    migration continues where it stopped. Raises Misconfigured if a newer or another program created the database.
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
    with changing_schema(engine) as connection:
        _lock_migrations(connection)
        _require_known_version(connection)
        version = schema_version(connection)
        if version == NEWEST:
            return False
        if version is None:
            _require_no_tables(connection)
        else:
            _wait_for_writers(connection)
        from alembic import command  # noqa: PLC0415  slow to import, see _config

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        insert_rows(connection, tables.meta, [(DATABASE_ID, secrets.token_hex(16))], OnConflict.KEEP)
        insert_rows(connection, tables.meta, [(LEDGER_ID, database_id(connection))], OnConflict.KEEP)
    return True


def _distribute_next(engine: Engine) -> bool:
    with reading(engine) as connection:
        if not undistributed_tables(connection):
            return False
    with changing_schema(engine) as connection:
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


def database_id(connection: Connection) -> str:
    """Return the random id that the database got when it was created. Raises Damaged if it cannot be read."""
    return _read_id(connection, DATABASE_ID)


def ledger_id(connection: Connection) -> str:
    """Return the first database id of the ledger, which its backups keep. Raises Damaged if it cannot be read."""
    return _read_id(connection, LEDGER_ID)


def _read_id(connection: Connection, name: str) -> str:
    found = read_meta(connection, name)
    if found is None:
        label = name.replace("_", " ")
        sentence = f"The table meta is damaged: it has no {label}. Restore a backup, or use 'talkmeter recover'."
        raise Damaged("meta", sentence)
    return found


def _lock_migrations(connection: Connection) -> None:
    """On PostgreSQL, run one migration at a time, with a limit on lock waits, because queries queue behind them."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SEC}s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def _wait_for_writers(connection: Connection) -> None:
    """On PostgreSQL, wait for the write transactions that have read the schema version; later ones wait for us.

    Otherwise they could write what the migration does not see, in the old version's way.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {VERSION.name} IN ACCESS EXCLUSIVE MODE")


def _require_no_tables(connection: Connection) -> None:
    """Raise Misconfigured if another program has created tables with Talkmeter's names."""
    ours = {VERSION.name, *tables.metadata.tables}
    if existing := sorted(ours.intersection(inspect(connection).get_table_names())):
        raise Misconfigured(
            f"The database already has a table '{existing[0]}' that Talkmeter did not create. "
            "Use another database, or another schema (search_path)."
        )


def _require_known_version(connection: Connection) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415  slow to import, see _config

    version = schema_version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        raise Misconfigured(
            f"The database has schema version {version}, which this program does not know: it was created by a newer "
            "Talkmeter. Install that version or a later one."
        )
