"""COPY and other insert methods on PostgreSQL, compared with the statements that Talkmeter uses."""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, Table

from bench.workload import BATCH, Workload
from talkmeter.counting import DAILY_COUNTERS, fold
from talkmeter.db import tables
from talkmeter.db.engine import transaction
from talkmeter.db.migrate import migrate
from talkmeter.db.statements import OnConflict, Row, insert_rows
from talkmeter.ledger.rows import history_row, record_row
from talkmeter.ledger.write import total_rows
from talkmeter.records import State


def copy_rate(engine: Engine, batches: int) -> float:
    """Return rows per second by COPY into the empty conversation table with its indexes, 1,000 per transaction."""
    migrate(engine)
    rows = [record_row(state, 0) for state in Workload(batches * BATCH).states(0, batches * BATCH)]
    with psycopg.connect(_address(engine)) as connection:
        started = time.perf_counter()
        for begin in range(0, len(rows), BATCH):
            with connection.cursor() as cursor, cursor.copy(_copy_statement(tables.conversation.name)) as copy:
                for row in rows[begin : begin + BATCH]:
                    copy.write_row(row)
            connection.commit()
        return len(rows) / (time.perf_counter() - started)


def _address(engine: Engine) -> str:
    """Return the engine's database URL in the form that psycopg reads."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


class _Insert(NamedTuple):
    """The rows that a batch inserts into one table."""

    table: Table
    rows: Sequence[Row]
    on_conflict: OnConflict


class InsertMethod(Protocol):
    """One method to insert rows whose keys may exist."""

    def __call__(self, connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> object:
        """Insert rows, sorted by key, without duplicate keys."""


def copy_upsert(connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> None:
    """COPY into a temporary table, then upsert from it."""
    driver = _driver(connection)
    name = f"incoming_{table.name}"
    driver.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} (LIKE {table.name}) ON COMMIT DELETE ROWS".encode())
    with driver.cursor() as cursor, cursor.copy(_copy_statement(name)) as copy:
        for row in rows:
            copy.write_row(row)
    driver.execute(f"INSERT INTO {table.name} SELECT * FROM {name} {_conflict_clause(table, on_conflict)}".encode())  # noqa: S608


def unnest_upsert(connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> None:
    """Send one array per column, so the number of parameters does not depend on the number of rows."""
    # Types without collations.
    types = [str(column.type.compile(dialect=connection.dialect)).partition(" ")[0] for column in table.columns]
    arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
    statement = f"INSERT INTO {table.name} SELECT * FROM unnest({arrays}) {_conflict_clause(table, on_conflict)}"  # noqa: S608
    with psycopg.Cursor(_driver(connection)) as cursor:
        cursor.execute(statement.encode(), [list(column) for column in zip(*rows, strict=True)])


INSERT_METHODS: Final[dict[str, InsertMethod]] = {
    "multi-row VALUES, as Talkmeter does": insert_rows,
    "one array per column, unnest": unnest_upsert,
    "COPY into a temporary table, then upsert": copy_upsert,
}


def _conflict_clause(table: Table, on_conflict: OnConflict) -> str:
    """Return the ON CONFLICT clause that Talkmeter uses for the table."""
    key = ", ".join(column.name for column in table.primary_key.columns)
    other = [column.name for column in table.columns if not column.primary_key]
    match on_conflict:
        case OnConflict.REPLACE:
            sets = [f"{name} = excluded.{name}" for name in other]
        case OnConflict.ADD:
            sets = [f"{name} = {table.name}.{name} + excluded.{name}" for name in DAILY_COUNTERS]
            sets.append("changed_at = excluded.changed_at")
        case _:
            return f"ON CONFLICT ({key}) DO NOTHING"
    return f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(sets)}"


def insert_rate(engine: Engine, method: InsertMethod, batches: int) -> float:
    """Return events per second for the inserts only, history on, one transaction per batch, into an empty database."""
    migrate(engine)
    workload = Workload(batches * BATCH)
    all_inserts = [_inserts(list(workload.states(first, BATCH))) for first in range(0, batches * BATCH, BATCH)]
    started = time.perf_counter()
    for inserts in all_inserts:
        with transaction(engine) as connection:
            for insert in inserts:
                method(connection, insert.table, insert.rows, insert.on_conflict)
    return batches * BATCH / (time.perf_counter() - started)


def _inserts(states: Sequence[State]) -> list[_Insert]:
    """Return the inserts for new states of one organization."""
    totals = total_rows(states[0].org_id, fold((None, state.record) for state in states), 0)
    return [
        _Insert(tables.conversation, sorted(record_row(state, 0) for state in states), OnConflict.REPLACE),
        _Insert(tables.record_state, sorted(history_row(state, 0) for state in states), OnConflict.KEEP),
        _Insert(tables.usage_daily, totals, OnConflict.ADD),
    ]


def _driver(connection: Connection) -> "psycopg.Connection[tuple[object, ...]]":
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _copy_statement(table: str) -> sql.Composed:
    return sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
