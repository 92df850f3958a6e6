"""SQLite: one file, one writer at a time, readers that see a snapshot.

A write transaction starts with BEGIN IMMEDIATE, so that two writers queue instead of failing half way. A read
transaction sees one snapshot from its first statement to its end. Every new connection checks the settings that
durability depends on: WAL and synchronous=FULL.
"""

import os
import sqlite3
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from talkmeter.db.error_kinds import ErrorKind
from talkmeter.errors import Misconfigured

BUSY_TIMEOUT_SEC: Final = 5
_SYNCHRONOUS_FULL: Final = 2


class _CacheSizes(NamedTuple):
    """Limits of each connection: KiB of page cache, and WAL pages between two checkpoints."""

    cache_kib: int
    wal_pages: int

    @property
    def pragmas(self) -> tuple[str, str]:
        """The limits as PRAGMA assignments."""
        return f"wal_autocheckpoint={self.wal_pages}", f"cache_size=-{self.cache_kib}"


_DEFAULT: Final = _CacheSizes(cache_kib=8_192, wal_pages=8_000)
BULK: Final = _CacheSizes(cache_kib=131_072, wal_pages=64_000)
"""New rows change pages all over the indexes. With a larger cache, each page is read and written less often."""


def make_engine(url: URL, connections: int, *, bulk: bool = False) -> Engine:
    """Return an engine for a file, which is created on first use; `bulk` gives it larger caches.

    Raises Misconfigured if the URL does not name a file in an existing folder.
    """
    if not url.database or url.database == ":memory:":
        raise Misconfigured(
            "TALKMETER_DATABASE_URL must name a file, such as sqlite:///talkmeter.db: "
            "a database in memory would lose acknowledged events."
        )
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise Misconfigured(f"The folder {folder} of TALKMETER_DATABASE_URL does not exist; create it first.")
    engine = create_engine(
        url,
        pool_size=connections,
        # The most recently used connection has a warm page cache.
        pool_use_lifo=True,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=BUSY_TIMEOUT_SEC,
        connect_args={"timeout": BUSY_TIMEOUT_SEC, "check_same_thread": False, "cached_statements": 256},
    )
    event.listen(engine, "connect", partial(_prepare, BULK if bulk else _DEFAULT))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(sizes: _CacheSizes, connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    # The busy timeout does not cover another process that creates the same file at this moment.
    retrying = Retrying(
        retry=retry_if_exception(lambda error: error_kind(error) is ErrorKind.BUSY),
        stop=stop_after_delay(BUSY_TIMEOUT_SEC),
        wait=wait_random(0.01, 0.1),
        reraise=True,
    )
    mode = retrying(lambda: connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
    connection.execute("PRAGMA synchronous=FULL")
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    if mode != "wal" or level != _SYNCHRONOUS_FULL:
        message = (
            f"SQLite opened with journal_mode={mode}, synchronous={level}; Talkmeter needs wal and 2 (FULL), "
            "otherwise acknowledged events could be lost."
        )
        raise Misconfigured(message)
    for pragma in sizes.pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("talkmeter_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def error_kind(error: BaseException) -> ErrorKind | None:
    """Return the kind of a driver error, or None if the program or the data caused it."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        # SQLite reports a full disk this way if the WAL index (the -shm file) cannot grow.
        return ErrorKind.DISK_FULL
    match code & 0xFF if isinstance(code, int) else None:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return ErrorKind.BUSY
        case sqlite3.SQLITE_FULL:
            return ErrorKind.DISK_FULL
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return ErrorKind.UNREADABLE
        case _:
            return ErrorKind.UNAVAILABLE if isinstance(error, sqlite3.OperationalError) else None


def write_copy(engine: Engine, file: Path) -> None:
    """Write a compact snapshot of the database to a new file and sync it to disk. Writers are not blocked."""
    with engine.connect() as connection:
        # Outside a transaction: VACUUM starts its own.
        connection.connection.execute("VACUUM INTO ?", (str(file),))
    with file.open("rb") as written:
        os.fsync(written.fileno())


def file_url(file: Path) -> str:
    """Return the database URL of a file, with special characters in its name escaped."""
    return URL.create("sqlite", database=str(file)).render_as_string()
