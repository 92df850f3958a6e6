"""SQLite: one file, one writer at a time, readers that see a snapshot.

A connection that writes begins IMMEDIATE, so that two writers queue instead of failing half way; one that reads holds
one snapshot from its first statement to its end. What the promises rest on (WAL, synchronous=FULL) is checked when the
connection opens, not believed.
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


class _Room(NamedTuple):
    """What each connection may take: KiB of memory for pages, and pages of log between two checkpoints."""

    cache_kib: int
    log_pages: int

    @property
    def settings(self) -> tuple[str, str]:
        """As SQLite wants them, each after PRAGMA."""
        return f"wal_autocheckpoint={self.log_pages}", f"cache_size=-{self.cache_kib}"


_USUAL: Final = _Room(cache_kib=8_192, log_pages=8_000)
BULK: Final = _Room(cache_kib=131_072, log_pages=64_000)
"""New rows fall on pages all over the indexes: held longer, a page is read less often and written once for many."""


def make_engine(url: URL, connections: int, *, bulk: bool = False) -> Engine:
    """An engine for a file, which is made on first use; `bulk`: with more room. Misconfigured: the URL names none."""
    if not url.database or url.database == ":memory:":
        raise Misconfigured(
            "TALKMETER_DATABASE_URL names no file: a ledger in memory would lose what it acknowledged. "
            "Write sqlite:///FILE."
        )
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise Misconfigured(f"The folder {folder} of TALKMETER_DATABASE_URL does not exist; make it first.")
    engine = create_engine(
        url,
        pool_size=connections,
        # The connection used last has its pages at hand.
        pool_use_lifo=True,
        max_overflow=0,
        hide_parameters=True,
        pool_timeout=BUSY_TIMEOUT_SEC,
        connect_args={"timeout": BUSY_TIMEOUT_SEC, "check_same_thread": False, "cached_statements": 256},
    )
    event.listen(engine, "connect", partial(_prepare, BULK if bulk else _USUAL))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(room: _Room, connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    # SQLite does not wait by itself for another process that makes the same file at this moment.
    patiently = Retrying(
        retry=retry_if_exception(lambda error: error_kind(error) is ErrorKind.BUSY),
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
    for setting in room.settings:
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("talkmeter_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def error_kind(error: BaseException) -> ErrorKind | None:
    """What an error of the driver means; None where it is one of the program or of the data."""
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        # Of a full disk SQLite says so by this where the index of its log, a file beside it, cannot grow.
        return ErrorKind.FULL
    match code & 0xFF if isinstance(code, int) else None:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return ErrorKind.BUSY
        case sqlite3.SQLITE_FULL:
            return ErrorKind.FULL
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return ErrorKind.UNREADABLE
        case _:
            return ErrorKind.AWAY if isinstance(error, sqlite3.OperationalError) else None


def write_copy(engine: Engine, file: Path) -> None:
    """Write one snapshot of the database into a new file, packed and through to the disk; writers are not held up."""
    with engine.connect() as connection:
        # Outside a transaction: VACUUM begins its own.
        connection.connection.execute("VACUUM INTO ?", (str(file),))
    with file.open("rb") as written:
        os.fsync(written.fileno())


def file_url(file: Path) -> str:
    """The address of a file, whatever its name holds."""
    return URL.create("sqlite", database=str(file)).render_as_string()
