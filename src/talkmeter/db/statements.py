"""Hot statements: compiled once by SQLAlchemy, run with positional tuples, many rows in one VALUES.

An INSERT takes up to 1 000 rows, sorted by key: on Citus, unsorted rows can deadlock and single rows are slow. The
numbers of rows and list items come in few sizes, so that a connection has usually prepared the statement already;
preparing one with 1 000 rows takes milliseconds.
"""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from itertools import chain, count
from typing import Any, Final, NamedTuple, cast

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    CursorResult,
    Delete,
    Dialect,
    LargeBinary,
    Select,
    Table,
    Text,
    Update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine.interfaces import BindTyping
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.util import find_tables
from sqlalchemy.types import NullType

from talkmeter.counting import BILLED_COUNTERS, DAILY_COUNTERS
from talkmeter.db import sqlite
from talkmeter.db.damage import damaged_database, damaged_key, origin
from talkmeter.db.error_kinds import ErrorKind

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
    """Add the amounts of a daily or monthly total to the stored ones."""
    FILL_BILLED = "fill billed"
    """Replace the billed durations of a daily total only."""
    SEEN_AGAIN = "seen again"
    """Update a quarantined event and add to how often it was received."""
    REVISE = "revise"
    """Update an organization's revision and the time of its newest event, and keep its other columns."""
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
        try:
            written += connection.exec_driver_sql(statement, parameters).rowcount
        except DBAPIError as error:
            if error.orig is None or sqlite.error_kind(error.orig) is not ErrorKind.DAMAGED:
                raise
            raise damaged_database(error, table.name) from error
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


def table_names(statement: Select[*tuple[object, ...]] | Update | Delete) -> str:
    """Return the names of a statement's tables, for error messages."""
    if isinstance(statement, Update | Delete):
        return str(statement.entity_description["name"])
    found = find_tables(statement, check_columns=True, include_selects=True, include_aliases=True)
    return ", ".join(sorted({table.name for table in found if isinstance(table, Table)}))


class ColumnTypes:
    """The types of a query's columns in SQLite, where a damaged row can have a value of any type."""

    def __init__(self, statement: Select[*tuple[object, ...]]) -> None:
        self._statement = statement
        self._known: set[tuple[type, ...]] = set()
        """The types of rows that are right, so that most rows are not looked at value by value."""

    def check(self, rows: Iterable[Row]) -> None:
        """Raise Damaged for a row with a value that its column never has."""
        for row in rows:
            types = tuple(map(type, row))
            if types not in self._known:
                self._check_row(row)
                self._known.add(types)

    def _check_row(self, row: Row) -> None:
        columns = list(self._statement.selected_columns)
        for column, value in zip(columns, row, strict=True):
            if not may_hold(column, value):
                key = [
                    (one.name, value)
                    for one, value in zip(columns, row, strict=True)
                    if isinstance(one, Column) and one.primary_key
                ]
                raise damaged_key(
                    table_names(self._statement), key, f"{column.name} is stored as {type(value).__name__}"
                )


def may_hold(column: ColumnElement[Any], value: Value) -> bool:
    """Return whether SQLite may store a value in a column; a computed one may be null."""
    if value is None:
        return not isinstance(column, Column) or bool(column.nullable)
    if isinstance(column.type, NullType):
        return True
    if isinstance(column.type, Text):
        return isinstance(value, str)
    return isinstance(value, bytes if isinstance(column.type, LargeBinary) else int)


class Compiled:
    """A statement that SQLAlchemy compiles once for each engine and that runs with a positional tuple.

    The tuple fills the named parameters in the order of their appearance in the SQL. An expanding parameter (`IN`) must
    be the last one; it takes the rest of the tuple.
    """

    def __init__(self, statement: Select[*tuple[object, ...]] | Update | Delete, *, checked: bool = True) -> None:
        """Keep the statement; it is compiled when it first runs.

        A row of SQLite with a value that its column never has raises Damaged, unless the caller checks the rows
        (`checked`).
        """
        self.statement = statement
        self._compiled: dict[tuple[str, int], _CompiledSql] = {}
        self._columns = ColumnTypes(statement) if checked and isinstance(statement, Select) else None

    def run(self, connection: Connection, parameters: Row) -> list[Row]:
        """Return every row of a query without an expanding parameter."""
        return self._fetch(connection, parameters, 0)

    def run_in(self, connection: Connection, parameters: Row, values: Sequence[Value]) -> Iterator[Row]:
        """Yield every row of a query that ends with an `IN` list, for any number of values."""
        for padded in _padded_parts(values):
            yield from self._fetch(connection, (*parameters, *padded), len(padded))

    def change_in(self, connection: Connection, parameters: Row, values: Sequence[Value]) -> int:
        """Run an UPDATE or DELETE that ends with an `IN` list; return the number of affected rows."""
        parts = _padded_parts(values)
        return sum(self._execute(connection, (*parameters, *padded), len(padded)).rowcount for padded in parts)

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
        try:
            rows = self._fetch_unchecked(connection, parameters, expanded)
        except Exception as error:
            if not sqlite.is_not_utf8(error):
                raise
            # Again, to find the row; for all rows, decoding texts here would be slow.
            with sqlite.undecoded_texts(connection):
                rows = self._fetch_unchecked(connection, parameters, expanded)
        if self._columns is not None and connection.dialect.name == "sqlite":
            self._columns.check(rows)
        return rows

    def _fetch_unchecked(self, connection: Connection, parameters: Row, expanded: int) -> list[Row]:
        result = self._execute(connection, parameters, expanded)
        try:
            # The driver's tuples: building SQLAlchemy's rows costs more than reading them.
            return cast("list[Row]", result.cursor.fetchall())
        except sqlite3.DatabaseError as error:
            self._require_undamaged(error)
            raise
        finally:
            result.close()

    def _execute(self, connection: Connection, parameters: Row, expanded: int) -> CursorResult[*tuple[Value, ...]]:
        compiled = self._compile(connection.dialect, expanded)
        try:
            return connection.exec_driver_sql(compiled.sql, compiled.with_constants(parameters))
        except DBAPIError as error:
            self._require_undamaged(error)
            raise

    def _require_undamaged(self, error: Exception) -> None:
        """Raise Damaged with the names of the tables if an error says that a page or an index is damaged."""
        driver_error = origin(error)
        if driver_error is None or sqlite.is_not_utf8(driver_error):
            return
        if sqlite.error_kind(driver_error) is ErrorKind.DAMAGED:
            raise damaged_database(error, self.tables) from error

    @property
    def tables(self) -> str:
        """The names of the statement's tables, for error messages."""
        return table_names(self.statement)

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


def _padded_parts(values: Sequence[Value]) -> Iterator[Row]:
    """Yield the values of an `IN` list in parts, each padded to a power of two. A repeated value changes no result."""
    for begin in range(0, len(values), ROWS_PER_STATEMENT):
        part = values[begin : begin + ROWS_PER_STATEMENT]
        padding = [part[-1]] * ((1 << (len(part) - 1).bit_length()) - len(part))
        yield (*part, *padding)


def after_prefix(prefix: str) -> str:
    """Return the exclusive upper bound of all keys that start with a prefix, in byte order."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def integer(value: Value) -> int:
    """Return an integer column's value as int; NULL, the sum of no rows, is 0. Raises TypeError for a text or bytes."""
    if isinstance(value, str | bytes):
        message = f"an integer is stored as {type(value).__name__}"
        raise TypeError(message)
    return int(value or 0)


def text(value: Value) -> str:
    """Return a text column's value. Raises TypeError if it is not a text."""
    if not isinstance(value, str):
        message = f"a text is stored as {type(value).__name__}"
        raise TypeError(message)
    return value


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
    if on_conflict is OnConflict.KEEP:
        return statement.on_conflict_do_nothing(index_elements=key)
    return statement.on_conflict_do_update(index_elements=key, set_=_updated(statement, table, on_conflict))


def _updated(statement: Insert, table: Table, on_conflict: OnConflict) -> dict[str, object]:
    """Return the new values of the columns of a row that exists already."""
    new = statement.excluded

    def replaced(*names: str) -> dict[str, object]:
        return {name: new[name] for name in names}

    match on_conflict:
        case OnConflict.ADD:
            added = {name: table.c[name] + new[name] for name in DAILY_COUNTERS if name in table.c}
            return added | replaced(*(name for name in ("changed_at",) if name in table.c))
        case OnConflict.REVISE:
            return replaced("revision", "last_event_at")
        case OnConflict.FILL_BILLED:
            return replaced(*BILLED_COUNTERS)
        case OnConflict.TALLY:
            return {"messages": table.c.messages + new.messages} | replaced("last_at")
        case OnConflict.SEEN_AGAIN:
            seen: dict[str, object] = {"times_seen": table.c.times_seen + new.times_seen}
            return seen | replaced("reason", "detail", "last_seen_at")
        case _:
            return replaced(*(column.name for column in table.columns if not column.primary_key))
