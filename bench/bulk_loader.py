"""Bulk loading of generated rows, by the fastest method of each database.

Nothing is durable before the end: if a load is interrupted, start again with an empty database.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import Engine, Table
from sqlalchemy.schema import AddConstraint, CreateIndex, DropConstraint, DropIndex

from talkmeter.db import tables
from talkmeter.db.statements import Row, Value

_CACHE_KIB: Final = 1_048_576
_LOADED: Final = (tables.conversation, tables.record_state)


class BulkLoader(Protocol):
    """Loads rows into tables."""

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        """Load rows; the values are in the order of the table's columns."""


@contextmanager
def bulk_loading(engine: Engine) -> Iterator[BulkLoader]:
    """Yield a loader for a database with empty tables; the rows are visible after the block."""
    # SQLite leaves WAL mode only if no other connection has the file open.
    engine.dispose()
    with _sqlite_loading(engine) if engine.dialect.name == "sqlite" else _postgresql_loading(engine) as loader:
        yield loader


class _SqliteLoader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        places = ", ".join("?" * len(table.columns))
        self._connection.executemany(f"INSERT INTO {table.name} VALUES ({places})", rows)  # noqa: S608  our own table names


@contextmanager
def _sqlite_loading(engine: Engine) -> Iterator[BulkLoader]:
    """Load in one transaction without a journal; create the indexes at the end, because one sort is cheaper."""
    with closing(sqlite3.connect(engine.url.database or "", isolation_level=None)) as connection:
        for setting in ("locking_mode=EXCLUSIVE", "journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            connection.execute(f"PRAGMA {setting}").fetchall()
        connection.execute("BEGIN")
        for statement in _drop_statements(engine):
            connection.execute(statement)
        yield _SqliteLoader(connection)
        for statement in _create_statements(engine):
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA locking_mode=NORMAL")
        connection.execute("PRAGMA journal_mode=WAL").fetchall()


class _PostgresqlLoader:
    def __init__(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        self._connection = connection

    def write(self, table: Table, rows: Sequence[Row]) -> None:
        statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table.name))
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write("\n".join([*map(_copy_line, rows), ""]))


@contextmanager
def _postgresql_loading(engine: Engine) -> Iterator[BulkLoader]:
    """Load in one transaction, create the indexes at its end, then vacuum and analyze as autovacuum would later."""
    address = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        with connection.transaction():
            connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
            for statement in _drop_statements(engine):
                connection.execute(statement.encode())
            yield _PostgresqlLoader(connection)
            for statement in _create_statements(engine):
                connection.execute(statement.encode())
        connection.execute("VACUUM (ANALYZE)")


def _drop_statements(engine: Engine) -> Iterator[str]:
    """Yield the statements that drop indexes and primary keys; SQLite cannot drop a primary key."""
    for table in _LOADED:
        for index in table.indexes:
            yield str(DropIndex(index).compile(dialect=engine.dialect))
        if engine.dialect.name == "postgresql":
            yield str(DropConstraint(table.primary_key).compile(dialect=engine.dialect))


def _create_statements(engine: Engine) -> Iterator[str]:
    for table in _LOADED:
        if engine.dialect.name == "postgresql":
            yield str(AddConstraint(table.primary_key).compile(dialect=engine.dialect))
        for index in table.indexes:
            yield str(CreateIndex(index).compile(dialect=engine.dialect))


def _copy_line(row: Row) -> str:
    """Return a row in COPY's text format; the generated strings need no escaping."""
    return "\t".join([value if isinstance(value, str) else _copy_text(value) for value in row])


def _copy_text(value: Value) -> str:
    if value is None:
        return r"\N"
    return rf"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
