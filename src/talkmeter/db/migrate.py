"""Brings a database to this program's version, and says whether it is there."""

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
"""The schema version this program is written for: the last of `migrations/versions`."""
DATABASE_ID: Final = "database_id"
LOCK_TIMEOUT_SEC: Final = 5
_MIGRATION_LOCK: Final = 8_391_227_046_114_550_311
"""Any number that no other program takes for its own advisory lock."""
_META: Final = Compiled(select(tables.meta.c.value).where(tables.meta.c.name == bindparam("name")))


_VERSION: Final = Table("schema_version", MetaData(), Column("version_num", Text()))
"""Alembic's own table."""


def _config() -> "Config":
    # Alembic takes a sixth of a second to load; only a migration needs it.
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def schema_version(connection: Connection) -> str | None:
    """The version of the database's schema; None where it is empty."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    version: str | None = connection.scalar(select(_VERSION.c.version_num))
    return version


def migrate(engine: Engine) -> bool:
    """Bring the database to this version, in one transaction; whether there was anything to do.

    Where Citus is installed, the usage tables are distributed afterwards, each in a transaction of its own, so that
    one that is cut short goes on where it stopped. Misconfigured where a newer program made the database.
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
        _take_turns(connection)
        _refuse_newer(connection)
        if is_current(connection):
            return False
        from alembic import command  # noqa: PLC0415  as above

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
        _take_turns(connection)
        # Another migration may have done the last of them meanwhile.
        remaining = undistributed_tables(connection)
        for table in remaining[:1]:
            distribute(connection, table)
    return bool(remaining)


def require_current(engine: Engine) -> None:
    """Misconfigured where the database has not this program's schema, or not yet spread over Citus."""
    with reading(engine) as connection:
        version = schema_version(connection)
        if version == NEWEST:
            if missing := undistributed_tables(connection):
                raise Misconfigured(
                    f"The database has Citus, and {', '.join(missing)} still to be distributed: "
                    "run 'talkmeter migrate' first, as a role that may change tables."
                )
            return
        _refuse_newer(connection)
    was = "has no schema yet" if version is None else f"has schema version {version}"
    raise Misconfigured(
        f"The database {was}, and this program needs version {NEWEST}: run 'talkmeter migrate' first, "
        "as a role that may change tables."
    )


def is_current(connection: Connection) -> bool:
    """Whether the database has the schema this program is written for."""
    return schema_version(connection) == NEWEST


def database_id(connection: Connection) -> str:
    """The random id this database was given when it was made."""
    return str(_META.run(connection, (DATABASE_ID,))[0][0])


def _take_turns(connection: Connection) -> None:
    """On a server: one migration at a time, and none that waits long for a lock while everybody waits behind it."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_SEC}s'")
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def _refuse_newer(connection: Connection) -> None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415  as above

    version = schema_version(connection)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if version is not None and version not in known:
        raise Misconfigured(
            f"The database has schema version {version}, which this program does not know: a newer Talkmeter made it. "
            "Install that version or a later one."
        )
