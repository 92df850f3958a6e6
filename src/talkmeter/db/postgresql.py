"""PostgreSQL: many processes and machines share one database; each transaction writes one organization.

Every new connection checks the settings that durability depends on: fsync, full_page_writes and synchronous_commit must
be on.
"""

import select
from contextlib import ExitStack
from typing import Any, Final

import psycopg
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import Dialect, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from talkmeter.db.error_kinds import ErrorKind
from talkmeter.db.watch import Watch
from talkmeter.errors import Misconfigured, quoted

CONNECT_TIMEOUT_SEC: Final = 5
POOL_TIMEOUT_SEC: Final = 5
STATEMENT_TIMEOUT_MS: Final = 60_000
LOCK_TIMEOUT_MS: Final = 10_000
IDLE_TIMEOUT_MS: Final = 120_000
CONNECTION_CHECK_MS: Final = 500
"""How often a server that runs a statement checks whether the connection is still open."""
_OPTIONS: Final = frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())
_CONNECTING: Final = "talkmeter_connecting"
_SETTINGS: Final = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
    f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS} "
    f"-c client_connection_check_interval={CONNECTION_CHECK_MS} -c client_encoding=UTF8"
)
_KINDS: Final = {
    # Serialization failure, deadlock.
    "40001": ErrorKind.BUSY,
    "40P01": ErrorKind.BUSY,
    # Lock not available.
    "55P03": ErrorKind.LOCK_TIMEOUT,
    # The statement took too long.
    "57014": ErrorKind.LOCK_TIMEOUT,
    "53100": ErrorKind.DISK_FULL,
    # A page or an index is damaged.
    "XX001": ErrorKind.DAMAGED,
    "XX002": ErrorKind.DAMAGED,
    # The server is a standby, or default_transaction_read_only is on.
    "25006": ErrorKind.READ_ONLY,
}
_UNAVAILABLE: Final = ("08", "0A", "25", "42", "53", "57", "58", "XX")
"""SQLSTATE classes: connection, standby (0A and 25), missing tables or grants, insufficient resources, operator
intervention, system error, internal error or corruption. These are not caused by the data, so they never put an event
into quarantine.
"""


def make_engine(url: URL, connections: int) -> Engine:
    """Return an engine for a PostgreSQL database. Raises Misconfigured if an option of the URL does not exist."""
    if "@" in (url.host or ""):
        # Everything before the last @ may be a part of the password, so it must not be shown.
        raise Misconfigured("In TALKMETER_DATABASE_URL, write each @ of the user or password as %40.")
    unknown = sorted(set(url.query) - _OPTIONS)
    if unknown:
        raise Misconfigured(
            f"TALKMETER_DATABASE_URL has an option that PostgreSQL does not know: {quoted(unknown[0])}."
        )
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        # PostgreSQL's native numbered parameters: the driver sends the SQL unchanged.
        paramstyle="numeric_dollar",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SEC,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SEC,
            "options": _SETTINGS,
            "application_name": "talkmeter",
            "cursor_factory": psycopg.RawCursor,
        },
    )
    event.listen(engine, "do_connect", _limit_connecting)
    event.listen(engine, "connect", _check)
    event.listen(engine, "checkout", _check_socket)
    event.listen(engine, "checkin", _restore_read_only)
    return engine


def _limit_connecting(
    _dialect: Dialect, entry: ConnectionPoolEntry, arguments: tuple[str, ...], options: dict[str, Any]
) -> "psycopg.Connection[tuple[str, ...]]":
    """Connect; what follows until `_check` has ended may take as long again, also if the server is silent then."""
    connection = psycopg.connect(*arguments, **options)
    limit = Watch(CONNECT_TIMEOUT_SEC, "The database does not answer new connections; retry shortly.")
    entry.info[_CONNECTING] = started = ExitStack()
    started.enter_context(limit.over_driver(connection))
    return connection


def _check(connection: "psycopg.Connection[tuple[str, ...]]", entry: ConnectionPoolEntry) -> None:
    # One type for all integers, so that a prepared statement fits any value.
    connection.adapters.register_dumper(int, Int8Dumper)
    started: ExitStack = entry.info.pop(_CONNECTING)
    with started, connection.cursor() as cursor:
        for name, why in (
            ("fsync", "otherwise a power failure could corrupt acknowledged events"),
            ("full_page_writes", "otherwise a power failure could corrupt acknowledged events"),
            ("synchronous_commit", "otherwise acknowledged events could be lost"),
        ):
            row = cursor.execute(f"SHOW {name}").fetchone()
            if row is not None and row[0] == "off":
                raise Misconfigured(f"The PostgreSQL server runs with {name} off; Talkmeter needs it on, {why}.")
    connection.rollback()


def _check_socket(connection: "psycopg.Connection[tuple[str, ...]]", *_: object) -> None:
    """Replace a connection that the server has closed: its socket can be read. A query could wait for a frozen server.

    The server sends nothing else over an idle connection, except a notice, which costs a new connection at most.
    """
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    if poll.poll(0):
        raise DisconnectionError


def _restore_read_only(connection: "psycopg.Connection[tuple[str, ...]] | None", _entry: ConnectionPoolEntry) -> None:
    # After a read transaction, SQLAlchemy asks for READ WRITE: a standby rejects these words, and other servers ignore
    # default_transaction_read_only then.
    if connection is not None and not connection.closed:
        connection.read_only = None


def error_kind(error: BaseException) -> ErrorKind | None:
    """Return the kind of a driver error, or None if the program or the data caused it."""
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state is None:
        return ErrorKind.UNAVAILABLE if isinstance(error, psycopg.OperationalError) else None
    return _KINDS.get(state) or (ErrorKind.UNAVAILABLE if state[:2] in _UNAVAILABLE else None)
