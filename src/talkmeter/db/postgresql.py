"""PostgreSQL: many processes and machines in front of one database, each transaction of one organization.

What the promises rest on is checked when a connection opens, not believed: the server must write through to the disk,
whole pages too, and a commit must wait for it.
"""

from typing import Final

import psycopg
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import ConnectionPoolEntry

from talkmeter.db.error_kinds import ErrorKind
from talkmeter.errors import Misconfigured

CONNECT_TIMEOUT_SEC: Final = 5
POOL_TIMEOUT_SEC: Final = 5
STATEMENT_TIMEOUT_MS: Final = 60_000
LOCK_TIMEOUT_MS: Final = 10_000
IDLE_TIMEOUT_MS: Final = 120_000
_SETTINGS: Final = (
    f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} "
    f"-c idle_in_transaction_session_timeout={IDLE_TIMEOUT_MS} -c client_encoding=UTF8"
)
_BUSY: Final = frozenset({"40001", "40P01"})
"""Serialization failure, deadlock."""
_HELD: Final = "55P03"
"""A lock that was not to be had in time."""
_FULL: Final = "53100"
_AWAY: Final = ("08", "0A", "25", "42", "53", "57", "58", "XX")
"""Classes: connection, a standby that only reads (two), tables or grants that are not as they must be, resources,
operator intervention, the system itself, damage. No event is to blame for these, so none goes to quarantine for them.
"""


def make_engine(url: URL, connections: int) -> Engine:
    """An engine for a server's database."""
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        # The server's own numbered parameters: a text goes to it as it is written.
        paramstyle="numeric_dollar",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_SEC,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SEC,
            "options": _SETTINGS,
            "application_name": "talkmeter",
            "cursor_factory": psycopg.RawCursor,
        },
    )
    event.listen(engine, "connect", _check)
    return engine


def _check(connection: "psycopg.Connection[tuple[str, ...]]", _entry: ConnectionPoolEntry) -> None:
    # One type for every integer, so that a statement is the same one whatever its numbers are.
    connection.adapters.register_dumper(int, Int8Dumper)
    with connection.cursor() as cursor:
        for name, why in (
            ("fsync", "else a power cut could damage what was acknowledged"),
            ("full_page_writes", "else a power cut could damage what was acknowledged"),
            ("synchronous_commit", "else an acknowledged event could be lost"),
        ):
            row = cursor.execute(f"SHOW {name}").fetchone()
            if row is not None and row[0] == "off":
                raise Misconfigured(f"The PostgreSQL server runs with {name} off; Talkmeter needs it on, {why}.")
    connection.rollback()


def error_kind(error: BaseException) -> ErrorKind | None:
    """What an error of the driver means; None where it is one of the program or of the data."""
    if not isinstance(error, psycopg.Error):
        return None
    state = error.sqlstate
    if state in _BUSY:
        return ErrorKind.BUSY
    if state == _HELD:
        return ErrorKind.HELD
    if state == _FULL:
        return ErrorKind.FULL
    if state is None:
        return ErrorKind.AWAY if isinstance(error, psycopg.OperationalError) else None
    return ErrorKind.AWAY if state[:2] in _AWAY else None
