"""Opens the database: one way to connect, to begin a transaction and to tell a passing fault from a lasting one.

A connection that writes begins IMMEDIATE, so that two writers queue instead of failing half way; one that reads holds
one snapshot from its first statement to its end. What the promises rest on (WAL, synchronous=FULL) is checked when the
connection opens, not believed.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from talkmeter.errors import DiskFull, Misconfigured, Unavailable

__all__ = [
    "Connection",
    "Engine",
    "is_disk_full",
    "is_transient",
    "open_engine",
    "reading",
    "sentences",
    "transaction",
    "writing",
]

BUSY_TIMEOUT_SEC: Final = 5
WAL_PAGES_BETWEEN_CHECKPOINTS: Final = 8_000
CACHE_KIB: Final = 16_384
_SYNCHRONOUS_FULL: Final = 2


def open_engine(url: str, connections: int = 6) -> Engine:
    """An engine for a database URL; a SQLite file is made on first use. Misconfigured where the URL names none."""
    parsed = _parse(url)
    engine = create_engine(
        parsed,
        pool_size=connections,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=BUSY_TIMEOUT_SEC,
        connect_args={"timeout": BUSY_TIMEOUT_SEC, "check_same_thread": False, "cached_statements": 256},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Misconfigured(
            f"TALKMETER_DATABASE_URL must look like sqlite:///talkmeter.db, not '{url[:60]}'."
        ) from None
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise Misconfigured(
            f"TALKMETER_DATABASE_URL must begin with sqlite:///, not {parsed.drivername}://: "
            "this version keeps its ledger in SQLite."
        )
    if not parsed.database or parsed.database == ":memory:":
        raise Misconfigured(
            "TALKMETER_DATABASE_URL names no file: a ledger in memory would lose what it acknowledged. "
            "Write sqlite:///FILE."
        )
    folder = Path(parsed.database).absolute().parent
    if not folder.is_dir():
        raise Misconfigured(f"The folder {folder} of TALKMETER_DATABASE_URL does not exist; make it first.")
    return parsed


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    # SQLite does not wait by itself for another process that makes the same file at this moment.
    patiently = Retrying(
        retry=retry_if_exception(is_transient),
        stop=stop_after_delay(BUSY_TIMEOUT_SEC),
        wait=wait_random(0.01, 0.1),
        reraise=True,
    )
    mode = patiently(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
    connection.execute("PRAGMA synchronous=FULL")
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    if mode != "wal" or level != _SYNCHRONOUS_FULL:
        message = (
            f"SQLite opened with journal_mode={mode}, synchronous={level}; Talkmeter needs wal and 2 (FULL), "
            "else an acknowledged event could be lost."
        )
        raise Misconfigured(message)
    connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES_BETWEEN_CHECKPOINTS}")
    connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("talkmeter_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one snapshot, from its first statement to its end."""
    with sentences(), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """A connection in one write transaction: committed at the end, rolled back where the block raises."""
    with engine.connect() as connection, connection.execution_options(talkmeter_writes=True).begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """As `transaction`, with the database's own faults as sentences."""
    with sentences(), transaction(engine) as connection:
        yield connection


@contextmanager
def sentences() -> Iterator[None]:
    """The database's own faults as errors with a sentence: no room (507), busy or unreachable (503), no database."""
    try:
        yield
    except OperationalError as error:
        if is_disk_full(error):
            raise DiskFull(
                "The database has no room left; nothing of this request was stored. Make room and send it again."
            ) from error
        if is_transient(error):
            raise Unavailable("The database is busy; send the request again.") from error
        raise Unavailable(f"The database cannot be used now: {sqlite_reason(error)}.") from error
    except DatabaseError as error:
        if _code(error) not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise
        raise Misconfigured(f"The database file cannot be read: {sqlite_reason(error)}.") from error


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed when it is run again (SQLITE_BUSY, SQLITE_LOCKED)."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_disk_full(error: BaseException) -> bool:
    """Whether the database found no room (SQLITE_FULL, or a write that the file system refused for lack of room)."""
    return _code(error) == sqlite3.SQLITE_FULL


def sqlite_reason(error: DBAPIError) -> str:
    """SQLite's own words, without the statement and its parameters (they hold customers' data)."""
    return str(error.orig)


def _code(error: BaseException) -> int | None:
    """SQLite's primary result code."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(origin, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None
