"""Where rows go that are loaded rather than written: the fastest way in that each engine has.

Nothing here is durable before the end: a load that is cut short is begun again with an empty database.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import Engine, Table
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex

from talkmeter.ledger import tables
from talkmeter.ledger.statements import Row, Value

_CACHE_KIB: Final = 1_048_576
_LOADED: Final = (tables.conversation, tables.record_state)


class Sink(Protocol):
    """Takes rows of a table, in the order of its columns."""

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Load rows."""


@contextmanager
def open_sink(engine: Engine) -> Iterator[Sink]:
    """The sink of an engine's database, which has its tables and no rows; all of it is there at the end."""
    # Out of WAL goes only a file that nobody else has open.
    engine.dispose()
    with _sqlite_sink(engine) if engine.dialect.name == "sqlite" else _postgres_sink(engine) as sink:
        yield sink


class _SqliteSink:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        places = ", ".join("?" * len(table.columns))
        self._connection.executemany(f"INSERT INTO {table.name} VALUES ({places})", rows)  # noqa: S608  a name of ours


@contextmanager
def _sqlite_sink(engine: Engine) -> Iterator[Sink]:
    """One transaction without a journal, and the indexes at its end: sorting once is cheaper."""
    with closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as connection:
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.execute("BEGIN")
        for statement in _dropping(engine):
            connection.execute(statement)
        yield _SqliteSink(connection)
        for statement in _making(engine):
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA locking_mode=NORMAL")
        connection.execute("PRAGMA journal_mode=WAL").fetchall()


class _PostgresSink:
    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self._connection = connection

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table.name))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write("\n".join([*map(_line, rows), ""]))


@contextmanager
def _postgres_sink(engine: Engine) -> Iterator[Sink]:
    """One transaction into tables without indexes, made at its end; then what autovacuum would do some time later."""
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
            for statement in _dropping(engine):
                connection.execute(statement.encode())
            yield _PostgresSink(connection)
            for statement in _making(engine):
                connection.execute(statement.encode())
        connection.execute("VACUUM (ANALYZE)")


def _dropping(engine: Engine) -> Iterator[str]:
    """The statements that take away all that a load need not keep up; SQLite's primary keys stay where they are."""
    for table in _LOADED:
        for index in table.indexes:
            yield str(DropIndex(index).compile(dialect=engine.dialect))
        if engine.dialect.name == "postgresql":
            yield str(DropConstraint(table.primary_key).compile(dialect=engine.dialect))


def _making(engine: Engine) -> Iterator[str]:
    for table in _LOADED:
        if engine.dialect.name == "postgresql":
            yield str(AddConstraint(table.primary_key).compile(dialect=engine.dialect))
        for index in table.indexes:
            yield str(CreateIndex(index).compile(dialect=engine.dialect))


def _line(row: Row) -> str:
    """A row in the text form of COPY; the strings that are loaded hold nothing that needs escaping."""
    return "\t".join([value if isinstance(value, str) else _text(value) for value in row])


def _text(value: Value) -> str:
    if value is None:
        return r"\N"
    return rf"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
