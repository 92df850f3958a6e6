"""Hot statements: compiled once by SQLAlchemy, run with positional tuples, many rows in one VALUES.

An INSERT takes up to 1 000 rows, sorted by key: on Citus, unsorted rows can deadlock and single rows are slow. The
numbers of rows and list items come in few sizes, so that a connection has usually prepared the statement already;
preparing one with 1 000 rows takes milliseconds.
"""

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from functools import cache
from itertools import chain, count
from typing import Final, NamedTuple, cast

from sqlalchemy import Connection, CursorResult, Delete, Dialect, Select, Table, Update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine.interfaces import BindTyping

from talkmeter.counting import COUNTERS
from talkmeter.db import tables

ROWS_PER_STATEMENT: Final = 1_000
_ROWS_STEP: Final = 128
Value = str | int | bytes | bool | None
Row = tuple[Value, ...]
_PLACEHOLDER: Final = "?"
_PLACEHOLDERS: Final = re.compile(r"\?")
_VALUES: Final = re.compile(r"^(.* VALUES )\(.*?\)( ON CONFLICT .*)?$", re.DOTALL)
_EXPANDING: Final = re.compile(r"\(__\[POSTCOMPILE_\w+\]\)")


class OnConflict(Enum):
    """What an INSERT does if the key exists already."""

    KEEP = "keep"
    REPLACE = "replace"
    ADD = "add"
    """Add the counters of a daily total to the stored ones."""
    SEEN_AGAIN = "seen again"
    """Update a quarantined event and add to how often it was received."""
    TALLY = "tally"
    """Add to the number of a connector's messages with an outcome."""


class _InsertParts(NamedTuple):
    """The SQL of an INSERT before and after its rows; each row has one parameter per table column."""

    head: str
    tail: str


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], on_conflict: OnConflict) -> int:
    """Insert rows in the table's column order, sorted by key and without duplicate keys; return the number written."""
    written = begin = 0
    while begin < len(rows):
        size = _statement_size(len(rows) - begin)
        statement = _insert_text(connection.dialect, table, on_conflict, size)
        parameters = tuple(chain.from_iterable(rows[begin : begin + size]))
        written += connection.exec_driver_sql(statement, parameters).rowcount
        begin += size
    return written


def _statement_size(remaining: int) -> int:
    """Return how many of the remaining rows the next statement takes: 1 000, a multiple of 128, or the last few."""
    if remaining >= ROWS_PER_STATEMENT:
        return ROWS_PER_STATEMENT
    return remaining // _ROWS_STEP * _ROWS_STEP or remaining


class _CompiledSql(NamedTuple):
    """A compiled statement; `constants` are the values written in the statement itself, with their positions."""

    sql: str
    constants: tuple[tuple[int, Value], ...]

    def with_constants(self, parameters: Row) -> Row:
        """Return the parameters with the constants inserted at their positions."""
        if not self.constants:
            return parameters
        values = list(parameters)
        for position, value in self.constants:
            values.insert(position, value)
        return tuple(values)


class Compiled:
    """A statement that SQLAlchemy compiles once for each engine and that runs with a positional tuple.

    The tuple fills the named parameters in the order of their appearance in the SQL. An expanding parameter (`IN`) must
    be the last one; it takes the rest of the tuple.
    """

    def __init__(self, statement: Select[*tuple[object, ...]] | Update | Delete) -> None:
        """Keep the statement; it is compiled when it first runs."""
        self.statement = statement
        self._compiled: dict[tuple[str, int], _CompiledSql] = {}

    def run(self, connection: Connection, parameters: Row) -> list[Row]:
        """Return every row of a query without an expanding parameter."""
        return self._fetch(connection, parameters, 0)

    def run_in(self, connection: Connection, parameters: Row, values: Sequence[Value]) -> Iterator[Row]:
        """Yield every row of a query that ends with an `IN` list, for any number of values."""
        for begin in range(0, len(values), ROWS_PER_STATEMENT):
            part = values[begin : begin + ROWS_PER_STATEMENT]
            # Pad the list to a power of two; repeating a value does not return its row twice.
            padding = [part[-1]] * ((1 << (len(part) - 1).bit_length()) - len(part))
            padded = (*part, *padding)
            yield from self._fetch(connection, (*parameters, *padded), len(padded))

    def for_driver(self, dialect: Dialect, parameters: Row) -> tuple[str, Row]:
        """Return (sql, values) of a statement without an expanding parameter, in the form the driver takes."""
        compiled = self._compile(dialect, 0)
        return compiled.sql, compiled.with_constants(parameters)

    def change(self, connection: Connection, parameters: Row) -> int:
        """Run an UPDATE or DELETE; return the number of affected rows."""
        return self._execute(connection, parameters, 0).rowcount

    def text(self, dialect: Dialect, expanded: int = 0) -> str:
        """Return the SQL for an engine."""
        return self._compile(dialect, expanded).sql

    def _fetch(self, connection: Connection, parameters: Row, expanded: int) -> list[Row]:
        """Return every row; `expanded` is the number of parameters in the `IN` list."""
        result = self._execute(connection, parameters, expanded)
        # The driver's tuples: building SQLAlchemy's rows costs more than reading them, and their names are not needed.
        rows = cast("list[Row]", result.cursor.fetchall())
        result.close()
        return rows

    def _execute(self, connection: Connection, parameters: Row, expanded: int) -> CursorResult[*tuple[Value, ...]]:
        compiled = self._compile(connection.dialect, expanded)
        return connection.exec_driver_sql(compiled.sql, compiled.with_constants(parameters))

    def _compile(self, dialect: Dialect, expanded: int) -> _CompiledSql:
        cached = self._compiled.get((dialect.name, expanded))
        if cached is None:
            compiled = self.statement.compile(dialect=_untyped_qmark(dialect))
            names = getattr(compiled, "positiontup", None) or ()
            values = [(position, compiled.params[name]) for position, name in enumerate(names)]
            constants = tuple((position, value) for position, value in values if value is not None)
            sql = str(compiled)
            if expanded:
                sql = _EXPANDING.sub("(" + ", ".join([_PLACEHOLDER] * expanded) + ")", sql)
            cached = self._compiled[dialect.name, expanded] = _CompiledSql(_driver_style(dialect, sql), constants)
        return cached


def after_prefix(prefix: str) -> str:
    """Return the exclusive upper bound of all keys that start with a prefix, in byte order."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def integer(value: Value) -> int:
    """Return an integer column's value as int; NULL, the sum of no rows, is 0."""
    return int(value or 0)


def _driver_style(dialect: Dialect, sql: str) -> str:
    """Rewrite `?` parameters in the driver's style.

    PostgreSQL's native parameters are numbered; the driver sends such SQL unchanged instead of parsing thousands of
    placeholders.
    """
    if dialect.name != "postgresql":
        return sql
    number = count(1)
    return _PLACEHOLDERS.sub(lambda _: f"${next(number)}", sql)


@cache
def _untyped_qmark(dialect: Dialect) -> Dialect:
    """Return a dialect that writes each parameter as `?` without a cast; the database infers the type.

    Casts would make up most of a statement with many rows, and Citus routes by a plain `org_id = parameter`.
    """
    plain = type(dialect)(paramstyle="qmark")  # type: ignore[call-arg]  # every SQLAlchemy dialect accepts it
    plain.bind_typing = BindTyping.NONE
    return plain


def _insert_text(dialect: Dialect, table: Table, on_conflict: OnConflict, rows: int) -> str:
    head, tail = _insert_parts(dialect, table, on_conflict)
    return head + ", ".join(_row_placeholders(dialect.name, len(table.columns))[:rows]) + tail


@cache
def _row_placeholders(dialect: str, width: int) -> list[str]:
    """Return the placeholders of each row of a full statement; smaller statements use the first ones."""
    if dialect != "postgresql":
        return ["(" + ", ".join([_PLACEHOLDER] * width) + ")"] * ROWS_PER_STATEMENT
    numbers = (range(row * width + 1, (row + 1) * width + 1) for row in range(ROWS_PER_STATEMENT))
    return ["(" + ", ".join(f"${number}" for number in row) + ")" for row in numbers]


@cache
def _insert_parts(dialect: Dialect, table: Table, on_conflict: OnConflict) -> _InsertParts:
    single_row = _insert(table, on_conflict)
    text = str(single_row.compile(dialect=_untyped_qmark(dialect), column_keys=table.columns.keys()))
    return _InsertParts(*_VALUES.findall(text)[0])


def _insert(table: Table, on_conflict: OnConflict) -> Insert:
    statement = insert(table)
    key = list(table.primary_key.columns)
    rest = [column for column in table.columns if not column.primary_key]
    match on_conflict:
        case OnConflict.KEEP:
            return statement.on_conflict_do_nothing(index_elements=key)
        case OnConflict.REPLACE:
            return statement.on_conflict_do_update(
                index_elements=key, set_={c.name: statement.excluded[c.name] for c in rest}
            )
        case OnConflict.ADD:
            sums: dict[str, object] = {name: table.c[name] + statement.excluded[name] for name in COUNTERS}
            sums["changed_at"] = statement.excluded["changed_at"]
            return statement.on_conflict_do_update(index_elements=key, set_=sums)
        case OnConflict.TALLY:
            messages = tables.connector_outcome.c.messages + statement.excluded.messages
            return statement.on_conflict_do_update(
                index_elements=key, set_={"messages": messages, "last_at": statement.excluded.last_at}
            )
        case OnConflict.SEEN_AGAIN:
            seen: dict[str, object] = {name: statement.excluded[name] for name in ("reason", "detail", "last_seen_at")}
            seen["times_seen"] = tables.quarantine.c.times_seen + statement.excluded.times_seen
            return statement.on_conflict_do_update(index_elements=key, set_=seen)
