"""COPY into PostgreSQL: of the conversation rows alone, and as another way for the ledger's own inserts."""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, Table

from bench.workload import BATCH, Workload
from talkmeter.counting import COUNTERS, fold
from talkmeter.ledger import tables
from talkmeter.ledger.engine import transaction
from talkmeter.ledger.migrate import migrate
from talkmeter.ledger.rows import history_row_of, row_of
from talkmeter.ledger.statements import OnConflict, Row, insert_rows
from talkmeter.ledger.write import total_rows
from talkmeter.records import State


def copy_rate(engine: Engine, batches: int) -> float:
    """Rows a second into the conversation table of an empty ledger, with its indexes, 1 000 a transaction."""
    migrate(engine)
    rows = [row_of(state, 0) for state in Workload(batches * BATCH).states(0, batches * BATCH)]
    with psycopg.connect(address_of(engine)) as connection:
        started = time.perf_counter()
        for begin in range(0, len(rows), BATCH):
            with connection.cursor() as cursor, cursor.copy(_copy_into(tables.conversation.name)) as copy:
                for row in rows[begin : begin + BATCH]:
                    copy.write_row(row)
            connection.commit()
        return len(rows) / (time.perf_counter() - started)


def address_of(engine: Engine) -> str:
    """The address of an engine's database, for the driver itself."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


class _Insert(NamedTuple):
    """What a batch inserts into one table."""

    table: Table
    rows: Sequence[Row]
    on_conflict: OnConflict


class WayIn(Protocol):
    """One way to insert rows that may be there already."""

    def __call__(self, connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> object:
        """Insert rows, sorted by key, no key twice."""


def copied(connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> None:
    """COPY into a temporary table, upsert from it."""
    driver = _driver(connection)
    name = f"incoming_{table.name}"
    driver.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {name} (LIKE {table.name}) ON COMMIT DELETE ROWS".encode())
    with driver.cursor() as cursor, cursor.copy(_copy_into(name)) as copy:
        for row in rows:
            copy.write_row(row)
    driver.execute(f"INSERT INTO {table.name} SELECT * FROM {name} {_tail(table, on_conflict)}".encode())  # noqa: S608


def unnested(connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> None:
    """One array for each column: as many parameters as columns, whatever the number of rows."""
    # The types without their collations.
    types = [str(column.type.compile(dialect=connection.dialect)).partition(" ")[0] for column in table.columns]
    arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
    statement = f"INSERT INTO {table.name} SELECT * FROM unnest({arrays}) {_tail(table, on_conflict)}"  # noqa: S608
    with psycopg.Cursor(_driver(connection)) as cursor:
        cursor.execute(statement.encode(), [list(column) for column in zip(*rows, strict=True)])


WAYS_IN: Final[dict[str, WayIn]] = {
    "the ledger's own": insert_rows,
    "an array for each column, unnested": unnested,
    "COPY into a temporary table, upsert from it": copied,
}


def _tail(table: Table, on_conflict: OnConflict) -> str:
    """What the ledger does where the key is there already, for the tables that a batch of new events touches."""
    key = ", ".join(column.name for column in table.primary_key.columns)
    rest = [column.name for column in table.columns if not column.primary_key]
    match on_conflict:
        case OnConflict.REPLACE:
            sets = [f"{name} = excluded.{name}" for name in rest]
        case OnConflict.ADD:
            sets = [f"{name} = {table.name}.{name} + excluded.{name}" for name in COUNTERS]
            sets.append("changed_at = excluded.changed_at")
        case _:
            return f"ON CONFLICT ({key}) DO NOTHING"
    return f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(sets)}"


def insert_rate(engine: Engine, way_in: WayIn, batches: int) -> float:
    """Events a second of the ledger's inserts alone, history on, a transaction a batch, into an empty ledger."""
    migrate(engine)
    workload = Workload(batches * BATCH)
    work = [_inserts(list(workload.states(first, BATCH))) for first in range(0, batches * BATCH, BATCH)]
    started = time.perf_counter()
    for inserts in work:
        with transaction(engine) as connection:
            for one in inserts:
                way_in(connection, one.table, one.rows, one.on_conflict)
    return batches * BATCH / (time.perf_counter() - started)


def _inserts(states: Sequence[State]) -> list[_Insert]:
    """What the ledger inserts for states of one organization that are all new."""
    totals = total_rows(states[0].org_id, fold((None, state.record) for state in states), 0)
    return [
        _Insert(tables.conversation, sorted(row_of(state, 0) for state in states), OnConflict.REPLACE),
        _Insert(tables.record_state, sorted(history_row_of(state, 0) for state in states), OnConflict.KEEP),
        _Insert(tables.usage_daily, totals, OnConflict.ADD),
    ]


def _driver(connection: Connection) -> "psycopg.Connection[tuple[object, ...]]":
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _copy_into(table: str) -> sql.Composed:
    return sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))
