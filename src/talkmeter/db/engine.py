"""Opens the database: one way to connect, to begin a transaction and to tell a passing fault from a lasting one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from talkmeter.db import sqlite
from talkmeter.db.error_kinds import ErrorKind
from talkmeter.errors import DatabaseAway, DiskFull, Misconfigured, Unavailable

__all__ = [
    "Connection",
    "Engine",
    "is_transient",
    "joins_organizations",
    "migrates_itself",
    "open_engine",
    "reading",
    "transaction",
    "translate_errors",
    "writing",
]

_SNAPSHOT: Final[dict[str, Any]] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""What makes a transaction of PostgreSQL see one snapshot from its first statement to its end."""
_ADDRESSES = "sqlite:///talkmeter.db or postgresql://USER@HOST/DATABASE"


def open_engine(url: str, connections: int = 6, *, bulk: bool = False) -> Engine:
    """An engine for a database URL; `bulk`: for a command that writes much and has the memory of its machine.

    Misconfigured where the URL names none that can be used.
    """
    parsed = _parse(url)
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            return sqlite.make_engine(parsed, connections, bulk=bulk)
        case "postgresql" | "postgres" | "postgresql+psycopg":
            # Its driver takes a tenth of a second to load, and a file needs none of it.
            from talkmeter.db import postgresql  # noqa: PLC0415

            return postgresql.make_engine(parsed, connections)
        case other:
            raise Misconfigured(f"TALKMETER_DATABASE_URL must look like {_ADDRESSES}, not begin with {other}://.")


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise Misconfigured(f"TALKMETER_DATABASE_URL must look like {_ADDRESSES}.") from None


def joins_organizations(engine: Engine) -> bool:
    """Whether one transaction may write several organizations (SQLite: there is one writer, and commits wait once)."""
    return engine.dialect.name == "sqlite"


def migrates_itself(engine: Engine) -> bool:
    """Whether whoever opens the database first brings it to this version; a server's is migrated by its operator."""
    return engine.dialect.name == "sqlite"


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one snapshot, from its first statement to its end."""
    with translate_errors(), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(**_SNAPSHOT)
        with connection.begin():
            yield connection


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A connection in one write transaction: committed at the end, rolled back where the block raises."""
    with engine.connect() as connection, connection.execution_options(talkmeter_writes=True).begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """As `transaction`, with the database's own faults as sentences."""
    with translate_errors(), transaction(engine) as connection:
        yield connection


@contextmanager
def translate_errors() -> Iterator[None]:
    """The database's own faults as errors with a sentence: no room (507), busy or unreachable (503), no database."""
    try:
        yield
    except PoolTimeoutError as error:
        raise Unavailable("All connections to the database are in use; send the request again.") from error
    except Exception as error:
        match _error_kind(error):
            case ErrorKind.FULL:
                raise DiskFull(
                    "The database has no room left; nothing of this request was stored. Make room and send it again."
                ) from error
            case ErrorKind.BUSY | ErrorKind.HELD:
                raise Unavailable("The database is busy; send the request again.") from error
            case ErrorKind.AWAY:
                raise DatabaseAway(f"The database cannot be used now: {_reason(error)}.") from error
            case ErrorKind.UNREADABLE:
                raise Misconfigured(f"The database file cannot be read: {_reason(error)}.") from error
            case None:
                raise


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again."""
    return _error_kind(error) is ErrorKind.BUSY


def _error_kind(error: BaseException) -> ErrorKind | None:
    origin = _origin(error)
    if origin is None:
        return None
    if not type(origin).__module__.startswith("psycopg"):
        return sqlite.error_kind(origin)
    from talkmeter.db import postgresql  # noqa: PLC0415  as above

    return postgresql.error_kind(origin)


def _reason(error: Exception) -> str:
    """The database's own words, without the statement and its parameters (they hold customers' data)."""
    origin = _origin(error)
    lines = str(origin).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(origin).__name__


def _origin(error: BaseException) -> BaseException | None:
    """The driver's own error, which SQLAlchemy wraps."""
    return error.orig if isinstance(error, DBAPIError) else error
