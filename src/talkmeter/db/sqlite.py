"""SQLite: one file, one writer at a time, readers that see a snapshot.

A write transaction starts with BEGIN IMMEDIATE, so that two writers queue instead of failing half way. A read
transaction sees one snapshot from its first statement to its end. Every new connection checks the settings that
durability depends on: WAL and synchronous=FULL. Every write transaction checks that the file is still at its path.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.pool import ConnectionPoolEntry
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from talkmeter.db.error_kinds import READ_ONLY, ErrorKind
from talkmeter.errors import Misconfigured, NotWritable, OperationFailed

BUSY_TIMEOUT_SEC: Final = 5
MAX_FINDINGS: Final = 100
"""How many damages `check_file` lists."""
_SYNCHRONOUS_FULL: Final = 2
_OPENED: Final = "talkmeter_opened"
_FOREIGN: Final = (
    "SELECT EXISTS (SELECT 1 FROM sqlite_master) "
    "AND NOT EXISTS (SELECT 1 FROM pragma_table_info('schema_version') WHERE name = 'version_num')"
)
"""Whether another program has created tables: the version table and ours are created in one transaction."""


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
    if url.database.startswith("file:"):
        raise Misconfigured("TALKMETER_DATABASE_URL must name a file by its path, such as sqlite:///talkmeter.db.")
    if url.query or url.host:
        raise Misconfigured(
            "TALKMETER_DATABASE_URL must name a file without a host or options, such as sqlite:///talkmeter.db or "
            "sqlite:////var/lib/talkmeter/talkmeter.db."
        )
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise Misconfigured(f"The folder {path.parent} of TALKMETER_DATABASE_URL does not exist; create it first.")
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
    file = _DatabaseFile(path)
    event.listen(engine, "do_connect", file.require_same)
    event.listen(engine, "connect", partial(_prepare, BULK if bulk else _DEFAULT))
    event.listen(engine, "connect", file.add)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _close_read_only)
    return engine


class _Identity(NamedTuple):
    """What distinguishes a file from another one that takes its place."""

    device: int
    inode: int


def _identity(path: Path) -> _Identity | None:
    """Return the identity of the file at a path, or None if there is none, or none that can be reached."""
    try:
        status = path.stat()
    except OSError:
        return None
    return _Identity(status.st_dev, status.st_ino)


class _OpenFile(NamedTuple):
    """A file that a connection has opened."""

    path: Path
    identity: _Identity | None

    def require_same(self) -> None:
        """Raise NotWritable if another file or none is at the path: what is written to this one would be lost."""
        if _identity(self.path) != self.identity:
            raise NotWritable(
                f"Nothing can be stored: {self.path.name} was replaced or deleted while the server was using it. "
                "Stop the server, restore the database, and start the server again."
            )


class _DatabaseFile:
    """The file that an engine's first connection has opened, and that all others must open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: _OpenFile | None = None

    def require_same(self, *_event: object) -> None:
        """Raise NotWritable if another file is at the path: SQLite would apply the WAL of the first one to it."""
        if self._opened is not None:
            self._opened.require_same()

    def add(self, _connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
        """Remember which files a new connection has opened."""
        if self._opened is None:
            self._opened = _OpenFile(self._path, _identity(self._path))
        path = Path(f"{self._path.resolve()}-wal")
        wal = _OpenFile(path, _identity(path))
        # A new database has no WAL before its first transaction. Once opened, it stays until the connection is closed.
        entry.info[_OPENED] = [self._opened] if wal.identity is None else [self._opened, wal]
        self.require_same()


def require_in_place(connection: Connection) -> None:
    """Raise NotWritable if the database file or its WAL is read-only, or was replaced or deleted."""
    opened: list[_OpenFile] = connection.info[_OPENED]
    for file in opened:
        file.require_same()
    if not os.access(opened[0].path, os.W_OK):
        raise NotWritable(READ_ONLY)


def _close_read_only(context: ExceptionContext) -> None:
    """Close a connection that opened the file when it was read-only: it could never write."""
    if error_kind(context.original_exception) is ErrorKind.READ_ONLY:
        context.is_disconnect = True


def _prepare(sizes: _CacheSizes, connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    # The busy timeout does not cover another process that creates the same file at this moment.
    retrying = Retrying(
        retry=retry_if_exception(lambda error: error_kind(error) is ErrorKind.BUSY),
        stop=stop_after_delay(BUSY_TIMEOUT_SEC),
        wait=wait_random(0.01, 0.1),
        reraise=True,
    )
    if retrying(lambda: connection.execute(_FOREIGN).fetchone()[0]):
        raise Misconfigured(
            "TALKMETER_DATABASE_URL names a SQLite database of another program: it has tables, but not Talkmeter's. "
            "Choose another file; a new one is created."
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


_KINDS: Final = {
    sqlite3.SQLITE_BUSY: ErrorKind.BUSY,
    sqlite3.SQLITE_LOCKED: ErrorKind.BUSY,
    sqlite3.SQLITE_READONLY: ErrorKind.READ_ONLY,
    sqlite3.SQLITE_FULL: ErrorKind.DISK_FULL,
    sqlite3.SQLITE_NOTADB: ErrorKind.UNREADABLE,
    sqlite3.SQLITE_CORRUPT: ErrorKind.DAMAGED,
}
_NOT_UTF8: Final = "Could not decode to UTF-8"
_DAMAGED_VALUES: Final = ("JSON cannot hold BLOB values", "integer overflow", "malformed JSON")
"""Errors of functions on values of a type or size that their column never has."""


def error_kind(error: BaseException) -> ErrorKind | None:
    """Return the kind of a driver error, or None if the program or the data caused it."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int):
        # The driver's own errors have no code.
        return ErrorKind.DAMAGED if is_not_utf8(error) else None
    if code == sqlite3.SQLITE_IOERR_SHMSIZE:
        # SQLite reports a full disk this way if the WAL index (the -shm file) cannot grow.
        return ErrorKind.DISK_FULL
    if code == sqlite3.SQLITE_ERROR and str(error).startswith(_DAMAGED_VALUES):
        return ErrorKind.DAMAGED
    unknown = ErrorKind.UNAVAILABLE if isinstance(error, sqlite3.OperationalError) else None
    return _KINDS.get(code & 0xFF, unknown)


def is_not_utf8(error: BaseException) -> bool:
    """Return whether the driver could not decode a text. Its message contains the text."""
    return isinstance(error, sqlite3.OperationalError) and str(error).startswith(_NOT_UTF8)


@contextmanager
def undecoded_texts(connection: Connection) -> Iterator[None]:
    """Read texts that are not UTF-8 as bytes, which no column with texts contains."""
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.text_factory = _text_or_bytes
    try:
        yield
    finally:
        driver.text_factory = str


def _text_or_bytes(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def check_file(engine: Engine) -> list[str]:
    """Return what SQLite finds damaged in the file's pages and indexes, as clauses without a period."""
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"PRAGMA integrity_check({MAX_FINDINGS})").fetchall()
    lines = [line.strip().rstrip(".") for (text,) in rows for line in str(text).splitlines()]
    return [line for line in lines if line and line != "ok" and not line.startswith("***")]


def write_copy(engine: Engine, file: Path) -> None:
    """Write a compact snapshot of the database to a new file and sync it to disk. Writers are not blocked."""
    with engine.connect() as connection:
        # Outside a transaction: VACUUM starts its own.
        connection.connection.execute("VACUUM INTO ?", (str(file),))
    with file.open("rb") as written:
        os.fsync(written.fileno())


def database_file(url: str) -> Path:
    """Return the path of a SQLite database URL. Raises Misconfigured for the URL of another database."""
    address = make_url(url)
    if address.get_backend_name() != "sqlite" or not address.database:
        raise Misconfigured("This command works with SQLite files only; restore PostgreSQL with its own tools.")
    return Path(address.database).absolute()


def require_unused(file: Path) -> None:
    """Raise OperationFailed if a program has the database open. A file that is not a database passes."""
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            if error_kind(error) is ErrorKind.BUSY:
                raise OperationFailed(f"A program has {file} open; stop the server and all commands first.") from None


def file_url(file: Path) -> str:
    """Return the database URL of a file, with special characters in its name escaped."""
    return URL.create("sqlite", database=str(file)).render_as_string()
