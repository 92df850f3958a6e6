"""Connects to the database, opens read and write transactions, and translates driver errors."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool

from talkmeter.db import sqlite
from talkmeter.db.citus import is_citus
from talkmeter.db.damage import damaged_database, driver_message, origin
from talkmeter.db.error_kinds import READ_ONLY, ErrorKind
from talkmeter.db.schema import require_version
from talkmeter.db.watch import Watch
from talkmeter.errors import DatabaseUnavailable, DiskFull, Misconfigured, NotWritable, Unavailable

__all__ = [
    "Connection",
    "Engine",
    "changing_schema",
    "count_connections",
    "database_file",
    "has_one_writer",
    "is_distributed",
    "is_transient",
    "migrates_automatically",
    "open_engine",
    "reading",
    "transaction",
    "translate_errors",
    "url_without_password",
    "writing",
]

_SNAPSHOT: Final[dict[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""Options that make a PostgreSQL transaction see one snapshot from its first statement to its end."""
_ADDRESSES = "sqlite:///talkmeter.db or postgresql://USER@HOST/DATABASE"


def open_engine(url: str, connections: int = 6, *, bulk: bool = False) -> Engine:
    """Return an engine for a database URL; `bulk` gives SQLite more memory, for commands that write a lot.

    Raises Misconfigured if the URL cannot be used.
    """
    parsed = _parse(url)
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return sqlite.make_engine(parsed, connections, bulk=bulk)
        case "postgresql" | "postgres" | "postgresql+psycopg":
            # The driver takes 0.1 s to import, and SQLite does not need it.
            from talkmeter.db import postgresql  # noqa: PLC0415

            return postgresql.make_engine(parsed, connections)
        case other:
            raise Misconfigured(f"TALKMETER_DATABASE_URL must look like {_ADDRESSES}, not start with {other}://.")


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise Misconfigured(f"TALKMETER_DATABASE_URL must look like {_ADDRESSES}.") from None


def url_without_password(url: str) -> str:
    """Return a database URL with its passwords hidden. Raises Misconfigured if it is not valid."""
    parsed = _parse(url)
    secret = {name: "hidden" for name in parsed.query if "password" in name}
    return parsed.update_query_dict(secret).render_as_string(hide_password=True)


def count_connections(engine: Engine, count: Callable[[int], object]) -> None:
    """Call `count` with the number of connections in use whenever it changes."""
    pool = cast("QueuePool", engine.pool)
    event.listen(engine, "checkout", lambda *_: count(pool.checkedout()))
    # The connection is returned after this event.
    event.listen(engine, "checkin", lambda *_: count(max(0, pool.checkedout() - 1)))


def has_one_writer(engine: Engine) -> bool:
    """Return whether the database takes one write transaction at a time (SQLite)."""
    return engine.dialect.name == "sqlite"


def database_file(engine: Engine) -> Path | None:
    """Return the absolute path of a SQLite database, or None for a database server."""
    return Path(engine.url.database or "").absolute() if engine.dialect.name == "sqlite" else None


def is_distributed(engine: Engine) -> bool:
    """Return whether the usage tables are on Citus workers, so that a transaction should write one organization."""
    if engine.dialect.name == "sqlite":
        return False
    with reading(engine) as connection:
        return is_citus(connection)


def migrates_automatically(engine: Engine) -> bool:
    """Return whether opening the database migrates it (SQLite); servers are migrated with `talkmeter migrate`."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine, watch: Watch | None = None) -> Iterator[Connection]:
    """Yield a connection in a read transaction: all its statements see one snapshot. `watch` limits its time."""
    with translate_errors(), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(**_SNAPSHOT)
        with _watched(connection, watch), connection.begin():
            yield connection


@contextmanager
def _in_place(connection: Connection) -> Iterator[None]:
    """Check a SQLite database's file before and after the block."""
    if connection.dialect.name != "sqlite":
        yield
        return
    sqlite.require_in_place(connection)
    yield
    sqlite.require_in_place(connection)


@contextmanager
def transaction(engine: Engine, watch: Watch | None = None) -> Iterator[Connection]:
    """Yield a connection in a write transaction: commit at the end, roll back if the block raises.

    `watch` limits its time, including the commit. Raises NotWritable if another version of Talkmeter has migrated the
    database, or if its file is read-only, replaced or deleted. If the file was replaced meanwhile, that is after the
    commit: what was committed is lost.
    """
    with _connected(engine) as connection, _watched(connection, watch), _in_place(connection), connection.begin():
        require_version(connection)
        yield connection


def _watched(connection: Connection, watch: Watch | None) -> AbstractContextManager[None]:
    return watch.over(connection) if watch else nullcontext()


@contextmanager
def writing(engine: Engine, watch: Watch | None = None) -> Iterator[Connection]:
    """Yield a connection like `transaction`, with driver errors translated."""
    with translate_errors(), transaction(engine, watch) as connection:
        yield connection


@contextmanager
def changing_schema(engine: Engine) -> Iterator[Connection]:
    """Yield a connection like `writing`, at any schema version."""
    with translate_errors(), _connected(engine) as connection, _in_place(connection), connection.begin():
        yield connection


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection.execution_options(talkmeter_writes=True)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Translate driver errors: disk full (507), busy, read-only or unavailable (503), unreadable (Misconfigured)."""
    try:
        yield
    except PoolTimeoutError as error:
        raise Unavailable("All database connections are in use; retry shortly.") from error
    except Exception as error:
        match _error_kind(error):
            case ErrorKind.DISK_FULL:
                raise DiskFull(
                    "The database's disk is full; nothing from this request was stored. "
                    "Free disk space, then send the request again."
                ) from error
            case ErrorKind.READ_ONLY:
                raise NotWritable(READ_ONLY) from error
            case ErrorKind.BUSY | ErrorKind.LOCK_TIMEOUT:
                raise Unavailable("The database is busy; retry shortly.") from error
            case ErrorKind.UNAVAILABLE:
                raise DatabaseUnavailable(f"The database is unavailable: {driver_message(error)}.") from error
            case ErrorKind.UNREADABLE:
                raise Misconfigured(
                    f"The database cannot be read: {driver_message(error)}. Check TALKMETER_DATABASE_URL. If it names "
                    "the right file, its first page is damaged: restore a backup, or try 'talkmeter recover'."
                ) from error
            case ErrorKind.DAMAGED:
                raise damaged_database(error) from error
            case None:
                raise


def is_transient(error: BaseException) -> bool:
    """Return whether the same transaction may succeed if it is run again."""
    return _error_kind(error) is ErrorKind.BUSY


def _error_kind(error: BaseException) -> ErrorKind | None:
    driver_error = origin(error)
    if driver_error is None:
        return None
    if not type(driver_error).__module__.startswith("psycopg"):
        return sqlite.error_kind(driver_error)
    from talkmeter.db import postgresql  # noqa: PLC0415  slow to import, see open_engine

    return postgresql.error_kind(driver_error)
